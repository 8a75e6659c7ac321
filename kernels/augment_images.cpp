// What an augmentation needs room for: see augment_images.h.

#include "kernels/augment_images.h"

#include <algorithm>

#include "kernels/augment_resize.h"

namespace vitrine {
namespace {

int64_t pixels_of(int64_t height, int64_t width) { return height * width; }

/// Between the two axes.
int64_t half_resized(const augment::Step& step) {
    const int64_t width = step.integers[2], height = step.integers[3];
    const bool rows_first = augment::resize_rows_first({height, step.out_height}, {width, step.out_width});
    return rows_first ? pixels_of(step.out_height, width) : pixels_of(height, step.out_width);
}

int64_t largest_of(const ImagePlace& image, std::span<const augment::Step> program) {
    if (program.empty()) return 0;
    int64_t largest = 0;
    if (program.front().op != augment::OpCode::resize) largest = pixels_of(image.height, image.width);
    for (const augment::Step& step : program) {
        largest = std::max(largest, pixels_of(step.out_height, step.out_width));
        if (step.op == augment::OpCode::resize) largest = std::max(largest, half_resized(step));
    }
    return largest;
}

}  // namespace

int64_t largest_between(const AugmentImages& args) {
    int64_t largest = 1;
    for (size_t n = 0; n < args.places.size(); ++n) {
        const auto begin = static_cast<size_t>(args.begins[n]), end = static_cast<size_t>(args.begins[n + 1]);
        largest = std::max(largest, largest_of(args.places[n], args.steps.subspan(begin, end - begin)));
    }
    return largest;
}

}  // namespace vitrine
