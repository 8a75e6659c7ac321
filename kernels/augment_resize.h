// Antialiased bilinear resizing of u8 images, Pillow's arithmetic to the bit: which pixels an output is made
// of and with what weights. All devices share it.
//
// An output pixel is a weighted mean under a triangle whose half width is max(1, scale), scale = input /
// output. Weights are normalised in f64, then rounded to fixed point with 22 bits. One axis is resampled and
// rounded to u8 (half up), then the other.
#pragma once

#include <cstdint>

namespace vitrine::augment {

inline constexpr int resize_weight_bits = 22;
inline constexpr int32_t resize_one_half = 1 << (resize_weight_bits - 1);

/// One axis: `input` pixels become `output`.
struct ResizeAxis {
    int64_t input = 1;
    int64_t output = 1;

    constexpr double scale() const { return static_cast<double>(input) / static_cast<double>(output); }
    constexpr double support() const { return scale() > 1.0 ? scale() : 1.0; }
    constexpr double centre(int64_t out) const { return (static_cast<double>(out) + 0.5) * scale(); }
    /// The first input pixel of an output, and one past the last.
    constexpr int64_t begin(int64_t out) const {
        const auto first = static_cast<int64_t>(centre(out) - support() + 0.5);
        return first < 0 ? 0 : first;
    }
    constexpr int64_t end(int64_t out) const {
        const auto last = static_cast<int64_t>(centre(out) + support() + 0.5);
        return last < input ? last : input;
    }
    /// The triangle's height over an input pixel, not normalised.
    constexpr double height(int64_t out, int64_t in) const {
        const double offset = (static_cast<double>(in) - centre(out) + 0.5) * (1.0 / support());
        const double distance = offset < 0.0 ? -offset : offset;
        return distance < 1.0 ? 1.0 - distance : 0.0;
    }
    constexpr double sum(int64_t out) const {
        double total = 0.0;
        for (int64_t in = begin(out); in < end(out); ++in) total += height(out, in);
        return total;
    }
    /// `total` is sum(out).
    constexpr int32_t weight(int64_t out, int64_t in, double total) const {
        return static_cast<int32_t>(0.5 + height(out, in) / total * (1 << resize_weight_bits));
    }
};

/// A sum of pixel · weight, begun at resize_one_half, as a pixel.
constexpr uint8_t resized_pixel(int32_t sum) {
    const int32_t value = sum >> resize_weight_bits;
    return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

/// Pillow 13 takes the rows first where the height shrinks by much more than the width. It shows, by one
/// level at most, because of the rounding in between.
constexpr bool resize_rows_first(const ResizeAxis& rows, const ResizeAxis& columns) {
    return rows.input > rows.output && rows.input - rows.output > 2 * (columns.input - columns.output);
}

}  // namespace vitrine::augment
