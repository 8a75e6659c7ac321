// Pending: a normalisation and an activation that have not happened yet, as a value.
//
// Batch norm and activations only move memory, and most of what reads their result is a convolution, which can apply
// them to each element as it reads it (kernels/conv.h). So a layer may hand on what its result is made of:
//
//     activation(scale_c · x + shift_c  [+ residual])
//
// and the pass over memory is left out, forward and backward. ops::resolve (engine/ops/ops.h) makes it a tensor
// where something must be whole; a tensor is a Pending with nothing left to do.
//
// x itself may be left out too, where it is a pointwise convolution of few channels to many, or the first layer's of an image,
// that one depthwise convolution reads: an Expansion stands in its place (ops::expand), and what can't read through it writes x
// first (ops::write).
#pragma once

#include <memory>

#include "engine/tensor.h"
#include "kernels/activation.h"
#include "kernels/expanded_conv.h"

namespace vitrine {

/// scale_c · x + shift_c; x itself where scale and shift are undefined.
struct AffineTensor {
    Tensor x;             // [..., C]
    Tensor scale, shift;  // [C] each, or undefined

    bool plain() const { return !scale.defined(); }
};

/// What a batch norm makes of moments, [C] each: scale and shift of whoever reads x, and 1/σ for backward.
struct NormNumbers {
    Tensor scale, shift, rstd;
};

/// What a convolution leaves behind of its output, for the batch norm that follows: mean and Σ (y − mean)².
struct Moments {
    Tensor mean, m2;     // [C] each, or undefined
    int64_t shards = 1;  // of as many rows as y has, that they are over (ops::merge_moments)
    NormNumbers
        norm{};  // where the convolution was told which one follows: its kernel may have made them, too

    bool defined() const { return mean.defined(); }
};

struct Expansion;

struct Pending {
    AffineTensor value;
    AffineTensor residual{};  // of value's shape, or absent
    Activation activation = Activation::identity;
    Moments moments{};                             // of value.x
    std::shared_ptr<const Expansion> expansion{};  // what value.x would be: it is not written, and undefined

    /// A tensor is whole, and stands in for a Pending anywhere.
    Pending(const Tensor& whole) : value{whole, {}, {}} {}  // NOLINT(google-explicit-constructor)
    explicit Pending(AffineTensor normalised) : value(std::move(normalised)) {}

    bool written() const { return expansion == nullptr; }
    /// Nothing is to be done with value.x, written or not.
    bool plain() const {
        return value.plain() && activation == Activation::identity && !residual.x.defined();
    }
    /// Nothing is left to do: this is value.x.
    bool whole() const { return written() && plain(); }
    const Shape& shape() const;
};

/// A convolution that has not happened: weight · narrow at each pixel, or weight · the windows of it.
struct Expansion {
    Pending narrow;        // written, and without a residual; of windows whole
    Tensor weight;         // [C, channels of narrow], or a dense convolution's
    InputWindows windows;  // of narrow, if any
    Shape shape;           // [N, H, W, C]
    /// Where the moments have gradients, and 16 bits are stored: what convolutions leave of narrow's gradient, in f32 until the
    /// moments' backward adds its part and rounds. Else undefined.
    Tensor wide_gradient{};
};

inline const Shape& Pending::shape() const { return written() ? value.x.shape() : expansion->shape; }

}  // namespace vitrine
