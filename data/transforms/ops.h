// Every transform by name, usable from C++ as from a recipe. Names, parameters and defaults are
// torchvision's; see its documentation for what each is meant for.
//
// Parameters are checked by the parser (parse.h), which knows the recipe's lines; from C++ keep to the ranges
// that are noted here.
#pragma once

#include <array>
#include <optional>

#include "data/transforms/geometry.h"
#include "data/transforms/transform.h"

namespace vitrine::transforms {

/// A parameter drawn uniformly in [low, high).
struct Range {
    double low = 0.0;
    double high = 0.0;

    bool operator==(const Range&) const = default;
};

// Geometry.

struct RandomHorizontalFlip final : Transform {
    double p = 0.5;  // in [0, 1], here and below
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
};

struct RandomVerticalFlip final : Transform {
    double p = 0.5;
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
};

struct RandomRotation final : Transform {
    Range degrees;  // counter-clockwise
    Fill fill{};
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
};

struct RandomAffine final : Transform {
    Range degrees;                                   // clockwise
    std::optional<std::array<double, 2>> translate;  // the most, as shares of width and height, in [0, 1]
    std::optional<Range> scale;                      // 0.05 … 20
    std::optional<Range> shear_x, shear_y;           // degrees
    Fill fill{};
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
};

/// Pads by `padding` on every side, then cuts a square of `size` at a random place.
struct RandomCrop final : Transform {
    int64_t size = 0;
    int64_t padding = 0;
    Fill fill{};
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
    ImageSizes sizes(const ImageSizes& in) const override;
};

/// A random part of the image, resized to a square of `size`.
struct RandomResizedCrop final : Transform {
    int64_t size = 0;
    Range scale{0.08, 1.0};             // share of the area, in (0, 1]
    Range ratio{3.0 / 4.0, 4.0 / 3.0};  // width / height, above 0
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
    ImageSizes sizes(const ImageSizes& in) const override;
};

/// The shorter side becomes `size`.
struct Resize final : Transform {
    int64_t size = 0;
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
    ImageSizes sizes(const ImageSizes& in) const override;
};

struct CenterCrop final : Transform {
    int64_t size = 0;
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
    ImageSizes sizes(const ImageSizes& in) const override;
};

// Colour.

/// Each of the four in a random order, those that are given.
struct ColorJitter final : Transform {
    std::optional<Range> brightness, contrast, saturation;  // factors, from 0 on
    std::optional<Range> hue;                               // turns, in [−0.5, 0.5]
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
};

struct RandomGrayscale final : Transform {
    double p = 0.1;
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
};

struct RandomPosterize final : Transform {
    int64_t bits = 0;  // 1 … 8
    double p = 0.5;
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
};

struct RandomSolarize final : Transform {
    double threshold = 0.0;  // 0 … 256
    double p = 0.5;
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
};

struct RandomAutocontrast final : Transform {
    double p = 0.5;
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
};

struct RandomEqualize final : Transform {
    double p = 0.5;
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
};

struct RandomAdjustSharpness final : Transform {
    double factor = 1.0;  // from 0 on
    double p = 0.5;
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
};

// Policies: see auto_augment.cpp for the ops that they choose from.

struct RandAugment final : Transform {
    int64_t num_ops = 2;    // from 0 on
    int64_t magnitude = 9;  // 0 … bins − 1
    int64_t bins = 31;      // from 2 on
    Fill fill{};
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
};

struct TrivialAugmentWide final : Transform {
    int64_t bins = 31;
    Fill fill{};
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
};

// Trees.

/// All of them, one after the other.
struct Compose final : Transform {
    TransformList of;
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
    ImageSizes sizes(const ImageSizes& in) const override;
};

/// All of them, or none.
struct RandomApply final : Transform {
    TransformList of;
    double p = 0.5;
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
    ImageSizes sizes(const ImageSizes& in) const override;
};

/// Exactly one of them.
struct RandomChoice final : Transform {
    TransformList of;
    std::vector<double> p;  // weights, one each; empty: all alike
    void draw(Draws& draws, Program& program) const override;
    std::string describe() const override;
    ImageSizes sizes(const ImageSizes& in) const override;
};

}  // namespace vitrine::transforms
