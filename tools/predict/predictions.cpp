// From logits to classes and probabilities: see predictions.h.

#include "tools/predict/predictions.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace vitrine::predict {

std::vector<Guess> best_guesses(std::span<const float> logits, int64_t top) {
    const double highest = *std::ranges::max_element(logits);  // taken off, so that no exponential overflows
    double sum = 0.0;
    for (const float logit : logits) sum += std::exp(logit - highest);

    std::vector<size_t> order(logits.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, [&](size_t a, size_t b) { return logits[a] > logits[b]; });
    order.resize(std::min(order.size(), static_cast<size_t>(top)));

    std::vector<Guess> guesses;
    for (const size_t k : order)
        guesses.push_back({static_cast<int64_t>(k), std::exp(logits[k] - highest) / sum});
    return guesses;
}

}  // namespace vitrine::predict
