// Where a normalisation that has not happened yet must happen after all: one pass over [rows, channels].
//
//     z = activation([a_scale_c ·] a [+ a_shift_c]  [+  [b_scale_c ·] b [+ b_shift_c]])
//
// b is a residual: absent, a plain tensor, or one that is to be normalised on the way, too. The activation is a clamp,
// whose output tells the derivative (activation.h); a curve is a pass of its own.
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/dtype.h"
#include "kernels/gradient.h"

namespace vitrine {

/// scale_c · x + shift_c; x itself where there is no scale.
struct Affine {
    const void* x = nullptr;      // [rows, channels]; null: absent
    const void* scale = nullptr;  // [channels]
    const void* shift = nullptr;  // [channels]; null exactly when scale is

    bool plain() const { return scale == nullptr; }
};

/// z may be a's or b's buffer.
struct ResolveForward {
    DType dtype = DType::f32;
    Activation activation = Activation::identity;  // a clamp
    int64_t rows = 0;
    int64_t channels = 0;
    Affine a;  // never absent
    Affine b;
    void* z = nullptr;  // [rows, channels]
};

/// Gradients of an Affine; scale and shift only where it has them.
struct AffineGradient {
    Gradient x;
    Gradient scale;
    Gradient shift;

    explicit operator bool() const { return x || scale || shift; }
};

/// d_u = d_z where the activation lets it pass, else 0; then for a, and for b alike:
///     d_x = scale_c · d_u      d_scale_c = Σ d_u · x      d_shift_c = Σ d_u
/// d_a.x may be d_z's buffer.
struct ResolveBackward {
    DType dtype = DType::f32;
    Activation activation = Activation::identity;
    int64_t rows = 0;
    int64_t channels = 0;
    Affine a;
    Affine b;
    const void* z = nullptr;  // [rows, channels]; may be null for the identity
    const void* d_z = nullptr;
    AffineGradient d_a;
    AffineGradient d_b;
};

/// Of every implementation.
template <class Args>
const char* refuses_curve_to_resolve(const Args& args) {
    return is_clamp(args.activation) ? nullptr
                                     : "the activation is neither relu nor relu6, so it is a pass of its own";
}

}  // namespace vitrine
