// Convolutions: dense, depthwise and pointwise, with an optional prologue and epilogue.
//
// Layouts: activations NHWC; weights dense [out, kernel_height, kernel_width, in / groups], pointwise [out,
// in], depthwise [kernel_height, kernel_width, channels]. Like every framework, this "convolution" is a
// cross-correlation.
//
// What one kernel computes, every part in brackets optional:
//
//     u = [scale_c · x + shift_c]             the prologue, for each input channel c
//     a = [activation](u)                     then zero padding is applied to a (not to x)
//     y[n,i,j,o] = Σ_{p,q,c} weight[o,p,q,c] · a[n, i·stride + p − padding, j·stride + q − padding, c]
//                  [+ bias_o]
//     [mean_o = Σ y[…,o] / M     m2_o = Σ (y[…,o] − mean_o)²]     the epilogue, M = batch · out_height · out_width
//
// With both, a batch norm and an activation need no pass over memory of their own: the statistics leave with
// y, and the next convolution normalises y while it reads it.
//
// Backward is the plain chain rule through all of it:
//
//     g = d_y [+ d_mean_o / M + 2 · d_m2_o · (y − mean_o)]
//     d_weight = Σ g · a      d_bias_o = Σ g      d_a = Σ weight · g      d_u = d_a · activation'(u)
//     d_x = [scale_c] · d_u   [d_scale_c = Σ d_u · x      d_shift_c = Σ d_u]
//
// d_scale and d_shift are the two sums that the backward of a batch norm needs.
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/dtype.h"
#include "kernels/gradient.h"

namespace vitrine {

struct Size2 {
    int64_t height = 1;
    int64_t width = 1;

    bool operator==(const Size2&) const = default;
};

struct ConvShape {
    int64_t batch = 1;
    Size2 in;  // of x, in pixels
    int64_t in_channels = 1;
    int64_t out_channels = 1;
    Size2 kernel;
    Size2 stride;
    Size2 padding{0, 0};
    int64_t groups = 1;

    Size2 out() const {
        return {(in.height + 2 * padding.height - kernel.height) / stride.height + 1,
                (in.width + 2 * padding.width - kernel.width) / stride.width + 1};
    }
    int64_t in_pixels() const { return batch * in.height * in.width; }
    int64_t out_pixels() const { return batch * out().height * out().width; }
    int64_t weight_count() const {
        return out_channels * kernel.height * kernel.width * (in_channels / groups);
    }
    /// Multiply-adds of one forward pass.
    int64_t macs() const { return out_pixels() * weight_count(); }
};

/// Applied to x as it is read. Null scale and shift with Activation::identity means plain.
struct Prologue {
    const void* scale = nullptr;  // [in_channels]
    const void* shift = nullptr;  // [in_channels]; null exactly when scale is
    Activation activation = Activation::identity;

    bool plain() const { return scale == nullptr && activation == Activation::identity; }
};

/// Statistics of y, for each output channel. Both or neither.
struct Epilogue {
    void* mean = nullptr;  // [out_channels]
    void* m2 = nullptr;    // [out_channels]: Σ (y − mean)²; the biased variance is m2 / out_pixels

    bool plain() const { return mean == nullptr; }
};

/// Every kernel's y is written, never accumulated.
/// Depthwise: groups = in_channels = out_channels. Pointwise: kernel 1×1, stride 1, no padding, one group.
struct ConvForward {
    DType dtype = DType::f32;
    ConvShape shape;
    const void* x = nullptr;       // [batch, in.height, in.width, in_channels]
    const void* weight = nullptr;  // see the layouts above
    const void* bias = nullptr;    // [out_channels], or null
    Prologue prologue;
    void* y = nullptr;  // [batch, out.height, out.width, out_channels]
    Epilogue epilogue;
};

struct ConvBackward {
    DType dtype = DType::f32;
    ConvShape shape;
    const void* x = nullptr;
    const void* weight = nullptr;
    Prologue prologue;
    const void* d_y = nullptr;  // shape of y

    // Through the epilogue; all four null if it was plain or its outputs have no gradient.
    const void* y = nullptr;
    const void* mean = nullptr;
    const void* d_mean = nullptr;  // [out_channels]
    const void* d_m2 = nullptr;    // [out_channels]

    Gradient d_x;
    Gradient d_weight;
    Gradient d_bias;
    Gradient d_scale;  // only with a prologue
    Gradient d_shift;
};

}  // namespace vitrine
