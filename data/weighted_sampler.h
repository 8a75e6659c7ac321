// An epoch in which images are drawn by weight, not each taken once: torch.utils.data.WeightedRandomSampler with
// replacement, where the weight of an image is that of its class.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vitrine {

class WeightedSampler {
  public:
    /// Throws Error where no class that has images has a weight above 0, or a weight is negative or not finite.
    WeightedSampler(std::span<const int32_t> labels, std::span<const double> class_weights);

    /// `count` samples, each drawn independently of the others from {seed, RandomPurpose::shuffle, epoch} alone:
    /// the class by the sum of its images' weights, then one of its images.
    std::vector<int64_t> draw(uint64_t seed, uint32_t epoch, int64_t count) const;

  private:
    struct Class {
        std::vector<int64_t> samples;
        double weight_up_to = 0.0;  // of this class and those before it, of all samples together
    };
    std::vector<Class> classes_;  // those that can be drawn
};

}  // namespace vitrine
