// What an implicit matrix product multiplies: the loaders that gather a convolution's windows out of an image
// (gemm_operands.h says what a loader is).
//
// Written out, the windows of a 3×3 convolution are a matrix 9 times as large as the image. It is never made:
// a loader computes where (window, tap, channel) lies in the image and reads it there. Of what that takes,
// the corner of a window and the offset of a tap are found once for each row and each column of the tile that
// is loaded; what is left for each load is an addition and two comparisons, for the padding.
//
//     image [batch, height, width, channels]
//
//               column →
//         ┌─────────────────┐      offset(window, tap, channel) = offset(corner) + offset(tap, channel)
//     row │     corner──┐   │
//      ↓  │      │ ∙ ∙ ∙│   │      The same for three matrices: the windows of a forward product (lines), those
//         │      │ ∙ tap│   │      of a weight gradient (depths), and the pixels of g that an input gradient
//         │      └──────┘   │      needs, whose taps go backwards from the corner.
//         └─────────────────┘
#pragma once

#include "kernels/cuda/divisor.h"
#include "kernels/cuda/gemm_operands.h"

namespace vitrine::VITRINE_GPU {

/// Corners of windows: number (image, i, j) of a grid of windows begins at row first.height + i ·
/// step.height, and so do the columns.
struct WindowGrid {
    Divisor count;   // windows of an image
    Divisor across;  // windows of a row
    int first_row;
    int first_column;
    int row_step;
    int column_step;
};

/// Taps: k = (p · width + q) · channels + c, at `direction` · (p, q) from the corner.
struct WindowTaps {
    Divisor channels;
    Divisor width;
    int direction;  // 1 or −1
};

/// The image that is read.
struct GatheredImage {
    int height;
    int width;
    int channels;
};

/// Where a window begins; it may be in the padding.
struct WindowCorner {
    int row;
    int column;
    int offset;
};

/// What is added to a corner.
struct WindowTap {
    int row;
    int column;
    int offset;  // of the tap and its channel
    int channel;
};

struct Windows {
    WindowGrid grid;
    WindowTaps taps;
    GatheredImage image;

    __device__ __forceinline__ WindowCorner corner(int window) const {
        const int n = grid.count.divide(window);
        const int within = grid.count.rest(window, n);
        const int i = grid.across.divide(within);
        const int row = grid.first_row + i * grid.row_step;
        const int column = grid.first_column + grid.across.rest(within, i) * grid.column_step;
        return {row, column, ((n * image.height + row) * image.width + column) * image.channels};
    }
    __device__ __forceinline__ WindowTap tap(int k) const {
        const int index = taps.channels.divide(k);
        const int channel = taps.channels.rest(k, index);
        const int p = taps.width.divide(index);
        const int row = p * taps.direction;
        const int column = taps.width.rest(index, p) * taps.direction;
        return {row, column, (row * image.width + column) * image.channels + channel, channel};
    }
    /// One comparison for both ends: as unsigned numbers, negative ones are large.
    __device__ __forceinline__ bool inside(const WindowCorner& corner, const WindowTap& tap) const {
        return static_cast<unsigned>(corner.row + tap.row) < static_cast<unsigned>(image.height) &&
               static_cast<unsigned>(corner.column + tap.column) < static_cast<unsigned>(image.width);
    }
};

/// The matrix [windows, taps · channels], lines being windows. Packs need channels in whole packs, so that a
/// pack never reaches over the end of a tap.
template <class Source>
struct LinesOfWindows {
    using Stored = typename Source::Stored;
    using Element = typename Source::Element;
    using Value = typename Source::Value;
    struct Raw {
        typename Source::Raw values;
        bool inside;  // else padding, which is zero behind the prologue, not before it
    };
    using Line = WindowCorner;
    struct Depth {
        WindowTap tap;
        typename Source::Channel channel;
    };
    static constexpr bool along_k = true;

    Source source;
    Windows windows;

    __device__ __forceinline__ Line line(int window) const { return windows.corner(window); }
    __device__ __forceinline__ Depth depth(int k) const {
        const WindowTap tap = windows.tap(k);
        return {tap, source.channel(tap.channel)};
    }
    __device__ __forceinline__ Raw fetch(const Line& corner, const Depth& depth) const {
        if (!windows.inside(corner, depth.tap)) return {};
        return {source.fetch(corner.offset + depth.tap.offset), true};
    }
    __device__ __forceinline__ Value finish(const Line&, const Depth& depth, const Raw& raw) const {
        if (!raw.inside) return {};
        return source.finish(depth.channel, raw.values);
    }
};

/// The same matrix with its windows in the role of k: the right side of a weight gradient.
template <class Source>
struct DepthsOfWindows {
    using Stored = typename Source::Stored;
    using Element = typename Source::Element;
    using Value = typename Source::Value;
    struct Raw {
        typename Source::Raw values;
        bool inside;  // else padding, which is zero behind the prologue, not before it
    };
    struct Line {
        WindowTap tap;
        typename Source::Channel channel;
    };
    using Depth = WindowCorner;
    static constexpr bool along_k = false;

    Source source;
    Windows windows;

    __device__ __forceinline__ Line line(int k) const {
        const WindowTap tap = windows.tap(k);
        return {tap, source.channel(tap.channel)};
    }
    __device__ __forceinline__ Depth depth(int window) const { return windows.corner(window); }
    __device__ __forceinline__ Raw fetch(const Line& line, const Depth& corner) const {
        if (!windows.inside(corner, line.tap)) return {};
        return {source.fetch(corner.offset + line.tap.offset), true};
    }
    __device__ __forceinline__ Value finish(const Line& line, const Depth&, const Raw& raw) const {
        if (!raw.inside) return {};
        return source.finish(line.channel, raw.values);
    }
};

/// The weight [out_channels, kernel, in_channels] as the right side of an input gradient: k = (tap, o), lines
/// are input channels. Of the kernel's taps only every stride-th is there, see dense_conv_gemm_d_x.cu.
template <class V, class T>
struct WeightByTaps {
    using Stored = T;
    using Element = Accumulate<T>;
    using Value = V;
    using Raw = StoredValues<V, T>;
    using Line = int;   // the input channel
    using Depth = int;  // where the channels of (o, p, q) begin
    static constexpr bool along_k = false;

    const T* weight;
    Divisor out_channels;
    Divisor taps_across;
    int first_tap;    // p0 · kernel_width + q0
    int row_step;     // from a tap to the one below that takes part: stride_height · kernel_width
    int column_step;  // stride_width
    int kernel_taps;  // kernel_height · kernel_width
    int in_channels;

    __device__ __forceinline__ Line line(int channel) const { return channel; }
    __device__ __forceinline__ Depth depth(int k) const {
        const int index = out_channels.divide(k);
        const int o = out_channels.rest(k, index);
        const int p = taps_across.divide(index);
        const int tap = first_tap + p * row_step + taps_across.rest(index, p) * column_step;
        return (o * kernel_taps + tap) * in_channels;
    }
    __device__ __forceinline__ const T* address(const Line& channel, const Depth& begin) const {
        return weight + begin + channel;
    }
    __device__ __forceinline__ Raw fetch(const Line& channel, const Depth& begin) const {
        return fetch_values<V>(address(channel, begin));
    }
    __device__ __forceinline__ Value finish(const Line&, const Depth&, const Raw& raw) const {
        return widen_values<V, T>(raw);
    }
};

}  // namespace vitrine::VITRINE_GPU
