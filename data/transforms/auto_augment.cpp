// RandAugment and TrivialAugmentWide: fourteen ops, of which one is drawn at a time.
//
// Sources: Cubuk et al., "RandAugment", 2020; Müller and Hutter, "TrivialAugment", 2021; torchvision's
// ranges.

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "data/transforms/describe.h"
#include "data/transforms/ops.h"

namespace vitrine::transforms {
namespace {

using augment::OpCode;

enum class Op : uint8_t {
    identity,
    shear_x,
    shear_y,
    translate_x,
    translate_y,
    rotate,
    brightness,
    color,
    contrast,
    sharpness,
    posterize,
    solarize,
    autocontrast,
    equalize,
};
constexpr int64_t op_count = 14;

/// The strongest magnitude of each kind of op.
struct Ranges {
    double shear;
    double translate_x;  // pixels
    double translate_y;
    double rotate;  // degrees
    double enhance;
    double posterize;  // bits taken away
};

/// torch.linspace(first, last, bins)[bin], in f32 with fused multiply-adds as there on any processor that has
/// them. It shows: 15 thirtieths of 32 pixels are a little less than 16 and become 15.
double on_line(double first, double last, int64_t bin, int64_t bins) {
    const auto begin = static_cast<float>(first), end = static_cast<float>(last);
    const float step = (end - begin) / static_cast<float>(bins - 1);
    const bool lower_half = bin < bins / 2;
    return static_cast<double>(lower_half ? std::fma(step, static_cast<float>(bin), begin)
                                          : std::fma(-step, static_cast<float>(bins - 1 - bin), end));
}

void add_shear(Program& program, double x, double y, const Fill& fill) {
    const auto degrees = [](double slope) { return std::atan(slope) * (180.0 / std::numbers::pi); };
    AffineParameters shear;
    shear.shear_x = degrees(x);
    shear.shear_y = degrees(y);
    shear.around_corner = true;
    add_affine(program, shear, fill);
}

void add_translation(Program& program, double x, double y, const Fill& fill) {
    AffineParameters translation;
    translation.translate_x = std::trunc(x);
    translation.translate_y = std::trunc(y);
    add_affine(program, translation, fill);
}

void add_enhancement(Program& program, OpCode op, const char* name, double magnitude) {
    program.add(op).reals[0] = 1.0 + magnitude;
    program.name([&] { return fmt::format("{} {:.2f}", name, 1.0 + magnitude); });
}

/// One op at a bin, with a random sign where it has one.
void draw_op(Op op, int64_t bin, int64_t bins, const Ranges& most, const Fill& fill, Draws& draws,
             Program& program) {
    const auto magnitude = [&](double last) { return on_line(0.0, last, bin, bins); };
    const auto signed_magnitude = [&](double last) {
        return draws.below(2) != 0 ? -magnitude(last) : magnitude(last);
    };
    const auto name = [&](const char* text, double value) {
        program.name([&] { return fmt::format("{} {:.2f}", text, value); });
    };
    switch (op) {
        case Op::identity:
            return program.name([] { return "identity"; });
        case Op::shear_x: {
            const double slope = signed_magnitude(most.shear);
            add_shear(program, slope, 0.0, fill);
            return name("shear x", slope);
        }
        case Op::shear_y: {
            const double slope = signed_magnitude(most.shear);
            add_shear(program, 0.0, slope, fill);
            return name("shear y", slope);
        }
        case Op::translate_x: {
            const double pixels = signed_magnitude(most.translate_x);
            add_translation(program, pixels, 0.0, fill);
            return name("translate x", std::trunc(pixels) + 0.0);  // no −0
        }
        case Op::translate_y: {
            const double pixels = signed_magnitude(most.translate_y);
            add_translation(program, 0.0, pixels, fill);
            return name("translate y", std::trunc(pixels) + 0.0);
        }
        case Op::rotate: {
            const double degrees = signed_magnitude(most.rotate);
            add_rotation(program, degrees, fill);
            return name("rotate", degrees);
        }
        case Op::brightness:
            return add_enhancement(program, OpCode::brightness, "brightness", signed_magnitude(most.enhance));
        case Op::color:
            return add_enhancement(program, OpCode::saturation, "saturation", signed_magnitude(most.enhance));
        case Op::contrast:
            return add_enhancement(program, OpCode::contrast, "contrast", signed_magnitude(most.enhance));
        case Op::sharpness:
            return add_enhancement(program, OpCode::sharpness, "sharpness", signed_magnitude(most.enhance));
        case Op::posterize: {
            const float per_bit = static_cast<float>(static_cast<double>(bins - 1) / most.posterize);
            const auto taken = static_cast<int32_t>(std::nearbyint(static_cast<float>(bin) / per_bit));
            program.add(OpCode::posterize).integers[0] = 8 - taken;
            return name("posterize", 8.0 - taken);
        }
        case Op::solarize: {
            const double threshold = on_line(255.0, 0.0, bin, bins);
            program.add(OpCode::solarize).reals[0] = threshold;
            return name("solarize", threshold);
        }
        case Op::autocontrast:
            program.add(OpCode::autocontrast);
            return program.name([] { return "autocontrast"; });
        case Op::equalize:
            program.add(OpCode::equalize);
            return program.name([] { return "equalize"; });
    }
}

}  // namespace

void RandAugment::draw(Draws& draws, Program& program) const {
    const double width = static_cast<double>(program.width), height = static_cast<double>(program.height);
    const Ranges most{0.3, 150.0 / 331.0 * width, 150.0 / 331.0 * height, 30.0, 0.9, 4.0};
    for (int64_t i = 0; i < num_ops; ++i)
        draw_op(static_cast<Op>(draws.below(op_count)), magnitude, bins, most, fill, draws, program);
}

std::string RandAugment::describe() const {
    return fmt::format("rand_augment(num_ops {}, magnitude {}, bins {}{})", num_ops, magnitude, bins,
                       text_of(fill));
}

void TrivialAugmentWide::draw(Draws& draws, Program& program) const {
    const Op op = static_cast<Op>(draws.below(op_count));
    const bool has_magnitude = op != Op::identity && op != Op::autocontrast && op != Op::equalize;
    const int64_t bin = has_magnitude ? draws.below(bins) : 0;
    draw_op(op, bin, bins, {0.99, 32.0, 32.0, 135.0, 0.99, 6.0}, fill, draws, program);
}

std::string TrivialAugmentWide::describe() const {
    return fmt::format("trivial_augment_wide(bins {}{})", bins, text_of(fill));
}

}  // namespace vitrine::transforms
