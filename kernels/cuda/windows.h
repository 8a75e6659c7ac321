// Windows that slide over an image, seen from both sides: which pixels a window reads, and which windows read
// a pixel. For the pools' kernels, which take all of it by value.
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

/// begin … end − 1; empty if end ≤ begin.
template <class Index>
struct Range {
    Index begin;
    Index end;
};

/// One axis of a pool. Index is int64_t, or int where everything fits.
template <class Index>
struct WindowAxis {
    Index in;
    Index out;
    Index kernel;
    Index stride;
    Index padding;

    /// The pixels of window i that are not padding.
    __device__ __forceinline__ Range<Index> pixels_of(Index i) const {
        const Index first = i * stride - padding;
        const Index last = first + kernel;
        return {first < 0 ? Index(0) : first, last < in ? last : in};
    }
    /// The windows that read pixel h.
    __device__ __forceinline__ Range<Index> windows_over(Index h) const {
        const Index beyond =
            h + padding - kernel;  // the last window that ends before h starts here or earlier
        const Index last = (h + padding) / stride + 1;
        return {beyond < 0 ? Index(0) : beyond / stride + 1, last < out ? last : out};
    }
};

/// Where an element lies in an NHWC image of `size`: [batch, rows, columns, channels].
template <class Index>
struct Place {
    Index image;
    Index row;
    Index column;
    Index channel;
};

template <class Index>
struct PoolWindows {
    WindowAxis<Index> height;
    WindowAxis<Index> width;
    Index channels;  // or groups of channels: whatever one thread takes

    /// `channels_at_once` must divide the channels.
    PoolWindows(const PoolShape& shape, int channels_at_once)
        : height{static_cast<Index>(shape.in.height), static_cast<Index>(shape.out().height),
                 static_cast<Index>(shape.kernel.height), static_cast<Index>(shape.stride.height),
                 static_cast<Index>(shape.padding.height)},
          width{static_cast<Index>(shape.in.width), static_cast<Index>(shape.out().width),
                static_cast<Index>(shape.kernel.width), static_cast<Index>(shape.stride.width),
                static_cast<Index>(shape.padding.width)},
          channels(static_cast<Index>(shape.channels / channels_at_once)) {}

    /// The i-th element of y, or of x.
    __device__ __forceinline__ Place<Index> output(Index i) const { return place(i, height.out, width.out); }
    __device__ __forceinline__ Place<Index> input(Index i) const { return place(i, height.in, width.in); }

    /// The index in x, or in y, of a pixel of `at`'s image and channel.
    __device__ __forceinline__ Index x_index(const Place<Index>& at, Index row, Index column) const {
        return ((at.image * height.in + row) * width.in + column) * channels + at.channel;
    }
    __device__ __forceinline__ Index y_index(const Place<Index>& at, Index i, Index j) const {
        return ((at.image * height.out + i) * width.out + j) * channels + at.channel;
    }

  private:
    __device__ __forceinline__ Place<Index> place(Index i, Index rows, Index columns) const {
        const Index pixel = i / channels;
        const Index line = pixel / columns;
        const Index image = line / rows;
        return {image, line - image * rows, pixel - line * columns, i - pixel * channels};
    }
};

inline int64_t x_count(const PoolShape& shape) {
    return shape.batch * shape.in.height * shape.in.width * shape.channels;
}
inline int64_t y_count(const PoolShape& shape) {
    return shape.batch * shape.out().height * shape.out().width * shape.channels;
}

/// Why threads cannot take packs of channels with 32-bit indices, or null.
template <class... Pointers>
const char* refuses_channel_packs(DType dtype, const PoolShape& shape, Pointers... pointers) {
    if (shape.channels % static_cast<int64_t>(16 / size_of(dtype)) != 0) {
        return "the channels of a pixel are not a multiple of 16 bytes";
    }
    if (!aligned(pointers...)) return "a pointer is not aligned to 16 bytes";
    // Intermediate values reach past an edge by less than the padding and a window.
    const bool fits = fits_int(2 * x_count(shape)) && fits_int(2 * y_count(shape)) &&
                      fits_int(2 * (shape.in.height + 2 * shape.padding.height)) &&
                      fits_int(2 * (shape.in.width + 2 * shape.padding.width));
    return fits ? nullptr : "more elements than an index of 32 bits can count";
}

}  // namespace vitrine::VITRINE_GPU
