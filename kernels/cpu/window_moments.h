// The memory that the moments of windows are worked out in (window_moments-inl.h).
#pragma once

#include <algorithm>

#include "kernels/cpu/gemm.h"

namespace vitrine::cpu {

/// Of a chunk of windows. Loads of whole vectors reach behind a line, so the lines come last, and some room behind them.
template <class T>
struct WindowMoments {
    using A = Accumulate<T>;
    static constexpr int64_t vector = 16;  // elements of the longest vector

    RowSource<T> windows;

    int64_t lines() const { return windows.taps.height; }
    int64_t run() const { return windows.taps.width * windows.channels; }  // numbers of a window's line
    int64_t stride() const { return round_up(run(), vector); }
    /// Lines of the image under so many rows of windows.
    int64_t lines_of(int64_t rows) const { return (rows - 1) * windows.step.height + windows.taps.height; }

    /// Σ of the numbers of a line [stride], of the products of two lines' numbers [run, stride].
    A* sums(A* memory, int64_t line) const { return memory + line * stride(); }
    A* products(A* memory, int64_t line, int64_t other) const {
        return memory + lines() * stride() + (line * lines() + other) * run() * stride();
    }
    /// What is taken off a line of the image, and the lines.
    A* levels(A* memory) const { return memory + sums_size(); }
    A* band(A* memory) const { return memory + sums_size() + round_up(windows.band_line(), vector); }

    /// In elements, for so many windows.
    int64_t workspace_size(int64_t count) const {
        const int64_t lines_of_row = std::max(windows.taps.height, windows.step.height);
        const int64_t lines_of_chunk = (count / windows.grid.width + 2) * lines_of_row;
        return sums_size() + round_up(windows.band_line(), vector) + lines_of_chunk * windows.band_line() +
               vector;
    }

  private:
    int64_t sums_size() const { return lines() * stride() * (1 + lines() * run()); }
};

}  // namespace vitrine::cpu
