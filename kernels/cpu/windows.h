// Which input positions a sliding window covers, and which windows cover an input position: along one axis,
// for pools and convolutions alike.
#pragma once

#include <algorithm>
#include <cstdint>

namespace vitrine::cpu {

/// begin … end − 1; empty if end ≤ begin.
struct Span {
    int64_t begin;
    int64_t end;
};

/// One axis of a pool or a convolution.
struct WindowAxis {
    int64_t in;
    int64_t out;
    int64_t kernel;
    int64_t stride;
    int64_t padding;

    /// The input positions of window i that are not padding.
    Span inputs_of(int64_t i) const {
        const int64_t first = i * stride - padding;
        return {std::max<int64_t>(0, first), std::min(in, first + kernel)};
    }

    /// The windows that contain input position h.
    Span windows_over(int64_t h) const {
        const int64_t before =
            h + padding - kernel;  // the last window that ends before h starts here or earlier
        const int64_t first = before < 0 ? 0 : before / stride + 1;
        return {first, std::min(out, (h + padding) / stride + 1)};
    }
};

/// The two axes of a PoolShape or ConvShape.
template <class Shape>
WindowAxis height_axis(const Shape& shape) {
    return {shape.in.height, shape.out().height, shape.kernel.height, shape.stride.height,
            shape.padding.height};
}

template <class Shape>
WindowAxis width_axis(const Shape& shape) {
    return {shape.in.width, shape.out().width, shape.kernel.width, shape.stride.width, shape.padding.width};
}

}  // namespace vitrine::cpu
