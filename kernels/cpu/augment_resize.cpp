// Resizing a part of an image: see augment_resize.h.

#include "kernels/cpu/augment_resize.h"

#include <algorithm>
#include <vector>

#include "kernels/augment_resize.h"

namespace vitrine::cpu {
namespace {

using augment::ResizeAxis;

/// For each output the first input and the weights from there on.
struct Weights {
    std::vector<int64_t> begin;
    std::vector<int64_t> offset;  // of an output's weights; one more than outputs
    std::vector<int32_t> values;

    explicit Weights(const ResizeAxis& axis) : offset{0} {
        for (int64_t out = 0; out < axis.output; ++out) {
            begin.push_back(axis.begin(out));
            const double total = axis.sum(out);
            for (int64_t in = axis.begin(out); in < axis.end(out); ++in)
                values.push_back(axis.weight(out, in, total));
            offset.push_back(static_cast<int64_t>(values.size()));
        }
    }
};

void resize_columns(const ImagePart& part, const Weights& weights, int64_t width, uint8_t* to) {
    for (int64_t y = 0; y < part.height; ++y) {
        const uint8_t* row = part.pixels + y * part.stride;
        for (int64_t x = 0; x < width; ++x, to += 3) {
            const uint8_t* from = row + weights.begin[static_cast<size_t>(x)] * 3;
            int32_t red = augment::resize_one_half, green = red, blue = red;
            for (int64_t k = weights.offset[static_cast<size_t>(x)];
                 k < weights.offset[static_cast<size_t>(x) + 1]; ++k, from += 3) {
                const int32_t weight = weights.values[static_cast<size_t>(k)];
                red += from[0] * weight;
                green += from[1] * weight;
                blue += from[2] * weight;
            }
            to[0] = augment::resized_pixel(red);
            to[1] = augment::resized_pixel(green);
            to[2] = augment::resized_pixel(blue);
        }
    }
}

void resize_rows(const ImagePart& part, const Weights& weights, int64_t height, uint8_t* to) {
    const int64_t row = part.width * 3;
    std::vector<int32_t> sums(static_cast<size_t>(row));
    for (int64_t y = 0; y < height; ++y, to += row) {
        std::ranges::fill(sums, augment::resize_one_half);
        const uint8_t* from = part.pixels + weights.begin[static_cast<size_t>(y)] * part.stride;
        for (int64_t k = weights.offset[static_cast<size_t>(y)];
             k < weights.offset[static_cast<size_t>(y) + 1]; ++k, from += part.stride) {
            const int32_t weight = weights.values[static_cast<size_t>(k)];
            for (int64_t i = 0; i < row; ++i) sums[static_cast<size_t>(i)] += from[i] * weight;
        }
        std::ranges::transform(sums, to, augment::resized_pixel);
    }
}

}  // namespace

void resize_box(const ImagePart& part, uint8_t* to, int64_t height, int64_t width) {
    const ResizeAxis rows{part.height, height}, columns{part.width, width};
    const Weights row_weights(rows), column_weights(columns);
    if (augment::resize_rows_first(rows, columns)) {
        std::vector<uint8_t> between(static_cast<size_t>(height * part.width * 3));
        resize_rows(part, row_weights, height, between.data());
        resize_columns({between.data(), part.width * 3, height, part.width}, column_weights, width, to);
    } else {
        std::vector<uint8_t> between(static_cast<size_t>(part.height * width * 3));
        resize_columns(part, column_weights, width, between.data());
        resize_rows({between.data(), width * 3, part.height, width}, row_weights, height, to);
    }
}

}  // namespace vitrine::cpu
