// What the passes of the expanded convolution (kernels/expanded_conv.h) are given on the cpu: the depthwise convolution, whose
// rows are made of narrow ones as they are needed, and what makes them.
//
// A row of e lives in the cache of one thread: made by a small matrix product, normalised, convolved, and overwritten.
// Forward it goes into the ring that a depthwise convolution with a prologue has anyway. Backward it is made once more; the
// gradient of it that depthwise leaves in a row beside it is multiplied by the expansion, for d_x, and by the narrow row,
// for the expansion's gradient, before the next row comes.
#pragma once

#include <optional>

#include "kernels/context.h"
#include "kernels/cpu/depthwise_conv.h"
#include "kernels/cpu/depthwise_task.h"
#include "kernels/cpu/expanded_sums.h"
#include "kernels/cpu/gemm.h"
#include "kernels/expanded_conv.h"

namespace vitrine::cpu {

/// What makes a row of e. Of windows: out of the lines of x that they lie in, put into the cache with zeros around them.
template <class T>
struct Expansion {
    const T* x;
    int64_t narrow;         // channels of x, or numbers of a window
    int64_t width;          // pixels of a row
    int64_t channels;       // of e
    Prologue prologue;      // of x
    RightMatrix<T> weight;  // [narrow, channels]
    std::optional<RowSource<T>> windows;

    /// Of a row of a, `stride` elements a pixel, or of the lines under its windows.
    int64_t row_size(int64_t stride) const {
        return windows ? windows->taps.height * windows->band_line() : width * stride;
    }
};

template <class T>
struct ExpandedForward {
    const DepthwiseForward<T>& conv;
    Expansion<T> expansion;

    /// Of each thread: depthwise's, and a narrow row.
    int64_t workspace_size() const { return conv.workspace_size() + expansion.row_size(expansion.narrow); }
};

template <class T>
struct ExpandedBackward {
    const DepthwiseBackward<T>& conv;
    Expansion<T> expansion;
    const ExpandedConvBackward& args;
    PanelLayout narrow;     // of the narrow channels
    RightMatrix<T> weight;  // [channels, narrow]
    ExpandedSums<T> sums;

    /// Of each thread: depthwise's, a row of a, e, d_e and d_a.
    int64_t workspace_size() const {
        const int64_t padded = narrow.padded(), width = expansion.width;
        return conv.workspace_size() + expansion.row_size(padded) + width * (2 * expansion.channels + padded);
    }
};

/// What any implementation that makes rows refuses.
template <class Args>
const char* refuses_rows(const Args& args) {
    if (const char* reason = refuses_windows(args)) return reason;
    if (!is_clamp(args.narrow_prologue.activation) || !is_clamp(args.prologue.activation))
        return "an activation that is neither relu nor relu6";
    if (args.shape.in_channels % depthwise_lanes != 0) return "channels that are not whole vectors";
    return refuses_depthwise_backward_loops(args.shape);
}

/// The same rows of bf16, by tile registers (expanded_conv_amx.cpp).
const char* refuses_rows_amx(const ExpandedConvForward& args);
const char* refuses_rows_amx(const ExpandedConvBackward& args);
void run_rows_amx(const ExpandedConvForward& args, Context& context);
void run_rows_amx(const ExpandedConvBackward& args, Context& context);

/// The passes over one block, compiled for one instruction set and one type.
template <class T>
struct ExpandedPasses {
    void (*forward)(const ExpandedForward<T>& conv, int64_t block, T* workspace);
    void (*backward)(const ExpandedBackward<T>& conv, int64_t block, T* workspace);
};

}  // namespace vitrine::cpu
