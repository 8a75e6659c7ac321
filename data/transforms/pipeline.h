// The two pipelines of a recipe: one for training, which may draw, and one for evaluation, which cannot.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "data/transforms/ops.h"

namespace vitrine {

/// Of the pixels, each channel in 0 … 1: the network sees (pixel / 255 − mean) / deviation.
struct ChannelNormalization {
    std::array<double, 3> mean{0.0, 0.0, 0.0};
    std::array<double, 3> stddev{1.0, 1.0, 1.0};

    bool operator==(const ChannelNormalization&) const = default;
};

/// What a mean may be, up or down, and a deviation at most: enough for pixels in 0 … 255 and for any float
/// that is left of them.
inline constexpr double largest_statistic = 1e6;
inline constexpr double smallest_stddev = 1e-9;

/// Poisson noise: x + p / (the largest p of the batch), with p ~ Poisson(rate) for each element.
struct PoissonNoise {
    double rate = 5.0;
    bool after_normalize = false;
    bool clip = true;  // to [0, 1]

    bool operator==(const PoissonNoise&) const = default;
};

/// A random rectangle set to `value` after normalising, or to normal noise.
struct RandomErasing {
    double p = 0.5;
    transforms::Range scale{0.02, 0.33};  // share of the area
    transforms::Range ratio{0.3, 3.3};    // height / width
    std::array<double, 3> value{0.0, 0.0, 0.0};
    bool noise = false;

    std::string describe() const;
};

/// Two images of a batch as one, and their labels in the same proportion, drawn from Beta(alpha, alpha).
struct BatchMix {
    std::optional<double> mixup_alpha;
    std::optional<double> cutmix_alpha;  // with both, a batch gets either of them, at even chances
};

/// What evaluation may do to an image. There is no place here for anything random, which is the point:
/// accuracy on images that were changed at random says nothing about the model.
struct EvalTransform {
    int64_t resize = 0;       // the shorter side; 0: left as it is
    int64_t center_crop = 0;  // a square; 0: none
    ChannelNormalization normalize;

    void draw(Program& program) const;
    /// The size that an image of this size leaves with.
    ImageSize size_of(ImageSize in) const;
    std::string describe() const;
};

struct TrainTransform {
    int64_t resize = 0;
    TransformList augment;
    std::optional<PoissonNoise> noise;
    ChannelNormalization normalize;
    std::vector<RandomErasing> erasing;
    BatchMix mix;

    /// Whether an image may look different in another epoch.
    bool is_random() const {
        return !augment.empty() || noise || !erasing.empty() || mix.mixup_alpha || mix.cutmix_alpha;
    }
    /// The program of one sample in one epoch: a pure function of its arguments.
    void draw(uint64_t seed, uint32_t epoch, uint32_t sample, Program& program) const;
    /// Every size that images of these sizes may leave with.
    ImageSizes sizes(const ImageSizes& in) const;
    std::string describe() const;
};

struct Transforms {
    TrainTransform train;
    EvalTransform evaluation;
};

/// The [transforms] table of a recipe. `source` is the recipe's name, for messages. Throws Error with the
/// line and what is allowed.
Transforms parse_transforms(std::string_view toml, const std::string& source);

}  // namespace vitrine
