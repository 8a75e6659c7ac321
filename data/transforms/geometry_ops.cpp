// Transforms that move pixels: flips, rotations, affine maps and crops.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/transforms/describe.h"
#include "data/transforms/ops.h"

namespace vitrine::transforms {

using augment::OpCode;
using augment::Step;

void RandomHorizontalFlip::draw(Draws& draws, Program& program) const {
    if (!draws.chance(p)) return;
    program.add(OpCode::flip_horizontal);
    program.name([] { return "flip horizontal"; });
}

std::string RandomHorizontalFlip::describe() const { return fmt::format("random_horizontal_flip(p {})", p); }

void RandomVerticalFlip::draw(Draws& draws, Program& program) const {
    if (!draws.chance(p)) return;
    program.add(OpCode::flip_vertical);
    program.name([] { return "flip vertical"; });
}

std::string RandomVerticalFlip::describe() const { return fmt::format("random_vertical_flip(p {})", p); }

void RandomRotation::draw(Draws& draws, Program& program) const {
    const double angle = draws.uniform(degrees.low, degrees.high);
    add_rotation(program, angle, fill);
    program.name([&] { return fmt::format("rotate {:.1f}°", angle); });
}

std::string RandomRotation::describe() const {
    return fmt::format("random_rotation({}{})", text_of(degrees), text_of(fill));
}

void RandomAffine::draw(Draws& draws, Program& program) const {
    AffineParameters drawn;
    drawn.angle = draws.uniform(degrees.low, degrees.high);
    if (translate) {
        const double most_x = (*translate)[0] * static_cast<double>(program.width);
        const double most_y = (*translate)[1] * static_cast<double>(program.height);
        drawn.translate_x = std::nearbyint(draws.uniform(-most_x, most_x));
        drawn.translate_y = std::nearbyint(draws.uniform(-most_y, most_y));
    }
    if (scale) drawn.scale = draws.uniform(scale->low, scale->high);
    if (shear_x) drawn.shear_x = draws.uniform(shear_x->low, shear_x->high);
    if (shear_y) drawn.shear_y = draws.uniform(shear_y->low, shear_y->high);
    add_affine(program, drawn, fill);
    program.name([&] {
        return fmt::format("affine {:.0f}° +{:.0f}+{:.0f} ×{:.2f} shear {:.0f}° {:.0f}°", drawn.angle,
                           drawn.translate_x, drawn.translate_y, drawn.scale, drawn.shear_x, drawn.shear_y);
    });
}

std::string RandomAffine::describe() const {
    std::string text = fmt::format("random_affine({}", text_of(degrees));
    if (translate) text += fmt::format(", translate {} × {}", (*translate)[0], (*translate)[1]);
    if (scale) text += ", scale " + text_of(*scale);
    if (shear_x) text += ", shear x " + text_of(*shear_x);
    if (shear_y) text += ", shear y " + text_of(*shear_y);
    return text + text_of(fill) + ")";
}

namespace {

void add_offset(Program& program, int64_t left, int64_t top, int64_t width, int64_t height,
                const Fill& fill) {
    Step& step = program.add(OpCode::offset, width, height);
    step.integers[0] = static_cast<int32_t>(left);
    step.integers[1] = static_cast<int32_t>(top);
    std::copy(fill.begin(), fill.end(), step.fill);
}

void add_resize(Program& program, int64_t left, int64_t top, int64_t width, int64_t height, int64_t out_width,
                int64_t out_height) {
    Step& step = program.add(OpCode::resize, out_width, out_height);
    const int64_t box[]{left, top, width, height};
    std::transform(std::begin(box), std::end(box), step.integers,
                   [](int64_t v) { return static_cast<int32_t>(v); });
}

}  // namespace

void RandomCrop::draw(Draws& draws, Program& program) const {
    const int64_t top = draws.below(std::max<int64_t>(program.height + 2 * padding - size, 0) + 1);
    const int64_t left = draws.below(std::max<int64_t>(program.width + 2 * padding - size, 0) + 1);
    add_offset(program, left - padding, top - padding, size, size, fill);
    program.name([&] { return fmt::format("crop +{}+{}", left - padding, top - padding); });
}

std::string RandomCrop::describe() const {
    return fmt::format("random_crop({}, padding {}{})", size, padding, text_of(fill));
}

ImageSizes RandomCrop::sizes(const ImageSizes&) const { return {{size, size}}; }

void RandomResizedCrop::draw(Draws& draws, Program& program) const {
    const double area = static_cast<double>(program.width * program.height);
    int64_t width = program.width, height = program.height, left = 0, top = 0;
    bool found = false;
    for (int attempt = 0; attempt < 10 && !found; ++attempt) {
        const double target = area * draws.uniform(scale.low, scale.high);
        const double aspect = std::exp(draws.uniform(std::log(ratio.low), std::log(ratio.high)));
        width = std::llrint(std::sqrt(target * aspect));
        height = std::llrint(std::sqrt(target / aspect));
        found = width > 0 && width <= program.width && height > 0 && height <= program.height;
    }
    if (found) {
        top = draws.below(program.height - height + 1);
        left = draws.below(program.width - width + 1);
    } else {
        // The largest centred part of an allowed ratio.
        const double whole = static_cast<double>(program.width) / static_cast<double>(program.height);
        width = program.width;
        height = program.height;
        if (whole < ratio.low) height = std::llrint(static_cast<double>(width) / ratio.low);
        if (whole > ratio.high) width = std::llrint(static_cast<double>(height) * ratio.high);
        top = (program.height - height) / 2;
        left = (program.width - width) / 2;
    }
    add_resize(program, left, top, width, height, size, size);
    program.name([&] { return fmt::format("crop {}×{}+{}+{}", width, height, left, top); });
}

std::string RandomResizedCrop::describe() const {
    return fmt::format("random_resized_crop({}, scale {}, ratio {})", size, text_of(scale), text_of(ratio));
}

ImageSizes RandomResizedCrop::sizes(const ImageSizes&) const { return {{size, size}}; }

namespace {

ImageSize resized(ImageSize in, int64_t size) {
    const auto [shorter, longer] = std::minmax(in.width, in.height);
    const int64_t other =
        static_cast<int64_t>(static_cast<double>(size * longer) / static_cast<double>(shorter));
    return in.width <= in.height ? ImageSize{size, other} : ImageSize{other, size};
}

}  // namespace

void Resize::draw(Draws&, Program& program) const {
    const ImageSize in{program.width, program.height}, out = resized(in, size);
    if (out != in) add_resize(program, 0, 0, in.width, in.height, out.width, out.height);
}

ImageSizes Resize::sizes(const ImageSizes& in) const {
    ImageSizes out;
    for (const ImageSize& each : in) out.insert(resized(each, size));
    return out;
}

std::string Resize::describe() const { return fmt::format("resize({})", size); }

void CenterCrop::draw(Draws&, Program& program) const {
    if (program.width == size && program.height == size) return;
    // Larger: cut at half of what is left over, a tie going to the even number. Smaller: padded, the odd
    // pixel at the end.
    const auto offset = [this](int64_t length) {
        if (length < size) return -((size - length) / 2);
        return static_cast<int64_t>(std::nearbyint(static_cast<double>(length - size) / 2.0));
    };
    add_offset(program, offset(program.width), offset(program.height), size, size, {});
}

ImageSizes CenterCrop::sizes(const ImageSizes&) const { return {{size, size}}; }

std::string CenterCrop::describe() const { return fmt::format("center_crop({})", size); }

}  // namespace vitrine::transforms
