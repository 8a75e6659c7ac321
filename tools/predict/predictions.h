// From logits to classes and probabilities.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vitrine::predict {

struct Guess {
    int64_t class_index;
    double probability;
};

/// The most probable classes, at most `top` of them, the first of equals first: softmax of the logits.
std::vector<Guess> best_guesses(std::span<const float> logits, int64_t top);

}  // namespace vitrine::predict
