// Pooling over NHWC images: average, maximum, and the average of a whole image, which normalises and clamps as it reads.
#pragma once

#include <cstdint>

#include "kernels/conv.h"
#include "kernels/dtype.h"
#include "kernels/gradient.h"
#include "kernels/resolve.h"

namespace vitrine {

struct PoolShape {
    int64_t batch = 1;
    Size2 in;
    int64_t channels = 1;
    Size2 kernel;
    Size2 stride;
    Size2 padding{0, 0};  // at most half the kernel

    /// Rounded down, as PyTorch's default: windows that do not fit are left out.
    Size2 out() const {
        return {(in.height + 2 * padding.height - kernel.height) / stride.height + 1,
                (in.width + 2 * padding.width - kernel.width) / stride.width + 1};
    }
};

/// y = Σ window / (kernel.height · kernel.width): padding counts as zeros (PyTorch's count_include_pad).
struct AveragePoolForward {
    DType dtype = DType::f32;
    PoolShape shape;
    const void* x = nullptr;  // [batch, in.height, in.width, channels]
    void* y = nullptr;        // [batch, out.height, out.width, channels]
};

struct AveragePoolBackward {
    DType dtype = DType::f32;
    PoolShape shape;
    const void* d_y = nullptr;
    Gradient d_x;
};

/// y[n, c] = Σ_p activation([scale_c ·] x[n, p, c] [+ shift_c]) / pixels: what is pending of x happens as it is read.
struct GlobalAveragePoolForward {
    DType dtype = DType::f32;
    int64_t batch = 1;
    int64_t pixels = 1;  // height · width
    int64_t channels = 1;
    Affine x;                                      // [batch, pixels, channels]
    Activation activation = Activation::identity;  // a clamp
    void* y = nullptr;                             // [batch, channels]

    bool plain() const { return x.plain() && activation == Activation::identity; }
};

/// d_u[n, p, c] = d_y[n, c] / pixels where the activation lets u = [scale_c ·] x [+ shift_c] pass, else 0; then
///     d_x = [scale_c ·] d_u      d_scale_c = Σ d_u · x      d_shift_c = Σ d_u, over the pixels of all images.
struct GlobalAveragePoolBackward {
    DType dtype = DType::f32;
    int64_t batch = 1;
    int64_t pixels = 1;
    int64_t channels = 1;
    Affine x;  // x.x may be null where this is plain()
    Activation activation = Activation::identity;
    const void* d_y = nullptr;
    AffineGradient d_x;

    bool plain() const { return x.plain() && activation == Activation::identity; }
};

/// y = the maximum of the window; padding never wins. Of equal values the first in row-major order wins; a
/// NaN wins over everything.
struct MaxPoolForward {
    DType dtype = DType::f32;
    PoolShape shape;
    const void* x = nullptr;
    void* y = nullptr;
    int32_t* index = nullptr;  // shape of y: the winner's row · in.width + column within its image
};

struct MaxPoolBackward {
    DType dtype = DType::f32;
    PoolShape shape;
    const int32_t* index = nullptr;
    const void* d_y = nullptr;
    Gradient d_x;
};

}  // namespace vitrine
