// Images drawn by the weights of their classes: see weighted_sampler.h.

#include "data/weighted_sampler.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "engine/random.h"

namespace vitrine {

WeightedSampler::WeightedSampler(std::span<const int32_t> labels, std::span<const double> class_weights) {
    if (!std::ranges::all_of(class_weights,
                             [](double weight) { return weight >= 0.0 && std::isfinite(weight); }))
        throw Error("a weight that images are drawn by is negative or not finite");
    std::vector<std::vector<int64_t>> samples(class_weights.size());
    for (size_t i = 0; i < labels.size(); ++i)
        samples.at(static_cast<size_t>(labels[i])).push_back(static_cast<int64_t>(i));
    // Shares of the largest: no sum overflows.
    const double largest = class_weights.empty() ? 0.0 : std::ranges::max(class_weights);
    double sum = 0.0;
    for (size_t k = 0; k < samples.size(); ++k) {
        if (samples[k].empty() || class_weights[k] == 0.0) continue;
        sum += class_weights[k] / largest * static_cast<double>(samples[k].size());
        classes_.push_back({std::move(samples[k]), sum});
    }
    if (sum == 0.0) throw Error("no class that has images has a weight above 0 to be drawn by");
}

std::vector<int64_t> WeightedSampler::draw(uint64_t seed, uint32_t epoch, int64_t count) const {
    const RandomKey key{seed, RandomPurpose::shuffle, epoch};
    std::vector<int64_t> order(static_cast<size_t>(count));
    for (size_t i = 0; i < order.size(); ++i) {
        const double place = random_uniform(key, 2 * i, 0.0, classes_.back().weight_up_to);
        const auto found = std::ranges::upper_bound(classes_, place, {}, &Class::weight_up_to);
        // A product may have been rounded up to the sum of all.
        const Class& drawn = found == classes_.end() ? classes_.back() : *found;
        order[i] = drawn.samples[random_below(key, 2 * i + 1, drawn.samples.size())];
    }
    return order;
}

}  // namespace vitrine
