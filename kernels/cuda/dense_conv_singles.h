// What an implicit product by tensor cores multiplies where an image's pixels are no packs: the three channels of a first
// layer.
//
// Their tile wants eight values at a time that are neighbours in k. Of such an image these are up to eight taps, and loaded one
// by one; then they are packs like all others (gemm_half_tensor.h). So what a load takes besides must be little: a tap says
// which row and which column of the window it needs, a bit each, and a window, which of its own are inside the image:
//
//     bit   31      29 … 15       14 … 0
//          never   column q   │   row p            inside  ⇔  (has & needs) = needs
//
// Taps beyond the last need the bit that no window has.
#pragma once

#include "kernels/cuda/dense_conv_operands.h"

namespace vitrine::VITRINE_GPU {

/// Rows, and columns, that a kernel may have.
constexpr int most_gathered_rows = 15;

/// A window: where it begins in the image, and which of its rows and columns are inside.
struct GatheredWindow {
    int offset;
    unsigned has;
};

/// What is added to a window's offset for one k, and what that needs.
struct GatheredTap {
    int offset;
    unsigned needs;
};

/// Eight that are neighbours in k.
struct GatheredTaps {
    GatheredTap tap[8];
};

/// The windows of an image of T, and their values.
template <class T>
struct GatheredWindows {
    const T* x;
    Windows windows;
    int kernel_rows;
    int kernel_columns;
    int count;  // k of a window

    __device__ __forceinline__ GatheredWindow window(int index) const {
        const WindowCorner corner = windows.corner(index);
        return {corner.offset, bits_inside(corner.row, windows.image.height, kernel_rows) |
                                   bits_inside(corner.column, windows.image.width, kernel_columns)
                                       << most_gathered_rows};
    }
    __device__ __forceinline__ GatheredTaps taps(int first) const {
        GatheredTaps taps;
        VITRINE_UNROLL
        for (int i = 0; i < 8; ++i) taps.tap[i] = tap(first + i);
        return taps;
    }
    __device__ __forceinline__ HalfWords<8> gather(const GatheredWindow& window,
                                                   const GatheredTaps& taps) const {
        HalfWords<8> values;
        VITRINE_UNROLL
        for (int i = 0; i < 8; i += 2)
            values.word[i / 2] = value(window, taps.tap[i]) | value(window, taps.tap[i + 1]) << 16;
        return values;
    }

  private:
    /// Bit i of `count`: whether 0 ≤ first + i < size.
    static __device__ __forceinline__ unsigned bits_inside(int first, int size, int count) {
        const int low = min(max(-first, 0), count);
        const int high = min(max(size - first, 0), count);
        return (1u << high) - (1u << low);
    }
    __device__ __forceinline__ GatheredTap tap(int k) const {
        constexpr unsigned never = 1u << 31;
        const WindowTap at = windows.tap(k);
        return {at.offset, k < count ? 1u << at.row | 1u << (most_gathered_rows + at.column) : never};
    }
    __device__ __forceinline__ unsigned value(const GatheredWindow& window, const GatheredTap& tap) const {
        if ((window.has & tap.needs) != tap.needs) return 0;
        return fetch_values<Single<float>>(x + (window.offset + tap.offset)).bits;
    }
};

/// The matrix [windows, taps · channels], lines being windows: the left side of a forward product.
template <class T>
struct GatheredLinesOfWindows {
    using Stored = T;
    using Element = Accumulate<T>;
    using Value = Pack<T>;
    using Raw = HalfWords<8>;
    using Line = GatheredWindow;
    using Depth = GatheredTaps;
    static constexpr bool along_k = true;
    static constexpr bool gathers_singles = true;

    GatheredWindows<T> windows;

    __device__ __forceinline__ Line line(int window) const { return windows.window(window); }
    __device__ __forceinline__ Depth depth(int k) const { return windows.taps(k); }
    __device__ __forceinline__ Raw fetch(const Line& window, const Depth& taps) const {
        return windows.gather(window, taps);
    }
    __device__ __forceinline__ Raw finish_rounded(const Line&, const Depth&, const Raw& raw) const {
        return raw;
    }
};

/// The same matrix with its windows in the role of k: the left side of a weight gradient that is made transposed.
template <class T>
struct GatheredDepthsOfWindows {
    using Stored = T;
    using Element = Accumulate<T>;
    using Value = Pack<T>;
    using Raw = HalfWords<8>;
    using Line = GatheredTaps;
    using Depth = GatheredWindow;
    static constexpr bool along_k = false;
    static constexpr bool gathers_singles = true;

    GatheredWindows<T> windows;

    __device__ __forceinline__ Line line(int k) const { return windows.taps(k); }
    __device__ __forceinline__ Depth depth(int window) const { return windows.window(window); }
    __device__ __forceinline__ Raw fetch(const Line& taps, const Depth& window) const {
        return windows.gather(window, taps);
    }
    __device__ __forceinline__ Raw finish_rounded(const Line&, const Depth&, const Raw& raw) const {
        return raw;
    }
};

/// A plain matrix [lines, k] whose lines are no packs: the weight.
template <class T>
struct GatheredLinesOfMatrix {
    using Stored = T;
    using Element = Accumulate<T>;
    using Value = Pack<T>;
    using Raw = HalfWords<8>;
    using Line = int;  // where it begins
    using Depth = int;
    static constexpr bool along_k = true;

    const T* matrix;
    int row_length;

    __device__ __forceinline__ Line line(int index) const { return index * row_length; }
    __device__ __forceinline__ Depth depth(int k) const { return k; }
    __device__ __forceinline__ Raw fetch(const Line& begin, const Depth& k) const {
        Raw raw;
        VITRINE_UNROLL
        for (int i = 0; i < 8; i += 2) raw.word[i / 2] = value(begin, k + i) | value(begin, k + i + 1) << 16;
        return raw;
    }
    __device__ __forceinline__ Raw finish_rounded(const Line&, const Depth&, const Raw& raw) const {
        return raw;
    }

  private:
    __device__ __forceinline__ unsigned value(int begin, int k) const {
        return k < row_length ? unsigned{fetch_values<Single<float>>(matrix + (begin + k)).bits} : 0;
    }
};

}  // namespace vitrine::VITRINE_GPU
