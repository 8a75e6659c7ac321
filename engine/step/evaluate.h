// A model's word on images, in evaluation mode: nothing is recorded.
#pragma once

#include <vector>

#include "engine/nn/module.h"
#include "engine/step/input.h"

namespace vitrine {

struct Evaluation {
    double loss = 0.0;          // mean of the batch, without label smoothing
    std::vector<float> logits;  // [count, classes]
};

Evaluation evaluate(nn::Module& model, const NetworkInput& input);

/// Of normalised images [count, height, width, 3]: [count, classes].
std::vector<float> logits_of(nn::Module& model, const Tensor& images);

}  // namespace vitrine
