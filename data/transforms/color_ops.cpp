// Transforms that change colours and leave pixels where they are.

#include <fmt/format.h>

#include <array>
#include <utility>

#include "data/transforms/describe.h"
#include "data/transforms/ops.h"

namespace vitrine::transforms {

using augment::OpCode;

void ColorJitter::draw(Draws& draws, Program& program) const {
    struct Part {
        OpCode op;
        const char* name;
        const std::optional<Range>& range;
    };
    std::array parts{0, 1, 2, 3};
    const std::array all{Part{OpCode::brightness, "brightness", brightness},
                         Part{OpCode::contrast, "contrast", contrast},
                         Part{OpCode::saturation, "saturation", saturation}, Part{OpCode::hue, "hue", hue}};
    for (size_t i = parts.size(); i > 1; --i)
        std::swap(parts[i - 1], parts[static_cast<size_t>(draws.below(static_cast<int64_t>(i)))]);
    for (const int index : parts) {
        const Part& part = all[static_cast<size_t>(index)];
        if (!part.range) continue;
        const double value = draws.uniform(part.range->low, part.range->high);
        augment::Step& step = program.add(part.op);
        if (part.op == OpCode::hue)
            step.integers[0] = static_cast<uint8_t>(static_cast<int>(value * 255));
        else
            step.reals[0] = value;
        program.name([&] { return fmt::format("{} {:.2f}", part.name, value); });
    }
}

std::string ColorJitter::describe() const {
    std::string text;
    const auto add = [&](const char* name, const std::optional<Range>& range) {
        if (range) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, text_of(*range));
    };
    add("brightness", brightness);
    add("contrast", contrast);
    add("saturation", saturation);
    add("hue", hue);
    return "color_jitter(" + text + ")";
}

void RandomGrayscale::draw(Draws& draws, Program& program) const {
    if (!draws.chance(p)) return;
    program.add(OpCode::grayscale);
    program.name([] { return "grayscale"; });
}

std::string RandomGrayscale::describe() const { return fmt::format("random_grayscale(p {})", p); }

void RandomPosterize::draw(Draws& draws, Program& program) const {
    if (!draws.chance(p)) return;
    program.add(OpCode::posterize).integers[0] = static_cast<int32_t>(bits);
    program.name([this] { return fmt::format("posterize {}", bits); });
}

std::string RandomPosterize::describe() const {
    return fmt::format("random_posterize(bits {}, p {})", bits, p);
}

void RandomSolarize::draw(Draws& draws, Program& program) const {
    if (!draws.chance(p)) return;
    program.add(OpCode::solarize).reals[0] = threshold;
    program.name([this] { return fmt::format("solarize {:.0f}", threshold); });
}

std::string RandomSolarize::describe() const {
    return fmt::format("random_solarize(threshold {}, p {})", threshold, p);
}

void RandomAutocontrast::draw(Draws& draws, Program& program) const {
    if (!draws.chance(p)) return;
    program.add(OpCode::autocontrast);
    program.name([] { return "autocontrast"; });
}

std::string RandomAutocontrast::describe() const { return fmt::format("random_autocontrast(p {})", p); }

void RandomEqualize::draw(Draws& draws, Program& program) const {
    if (!draws.chance(p)) return;
    program.add(OpCode::equalize);
    program.name([] { return "equalize"; });
}

std::string RandomEqualize::describe() const { return fmt::format("random_equalize(p {})", p); }

void RandomAdjustSharpness::draw(Draws& draws, Program& program) const {
    if (!draws.chance(p)) return;
    program.add(OpCode::sharpness).reals[0] = factor;
    program.name([this] { return fmt::format("sharpness {:.2f}", factor); });
}

std::string RandomAdjustSharpness::describe() const {
    return fmt::format("random_adjust_sharpness(factor {}, p {})", factor, p);
}

}  // namespace vitrine::transforms
