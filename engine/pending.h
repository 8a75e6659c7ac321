// Pending: a normalisation and an activation that have not happened yet, as a value.
//
// Batch norm and activations only move memory, and most of what reads their result is a convolution, which can apply
// them to each element as it reads it (kernels/conv.h). So a layer may hand on what its result is made of:
//
//     activation(scale_c · x + shift_c  [+ residual])
//
// and the pass over memory is left out, forward and backward. ops::resolve (engine/ops/ops.h) makes it a tensor
// where something must be whole; a tensor is a Pending with nothing left to do.
#pragma once

#include "engine/tensor.h"
#include "kernels/activation.h"

namespace vitrine {

/// scale_c · x + shift_c; x itself where scale and shift are undefined.
struct AffineTensor {
    Tensor x;             // [..., C]
    Tensor scale, shift;  // [C] each, or undefined

    bool plain() const { return !scale.defined(); }
};

/// What a convolution leaves behind of its output, for the batch norm that follows: mean and Σ (y − mean)².
struct Moments {
    Tensor mean, m2;     // [C] each, or undefined
    int64_t shards = 1;  // of as many rows as y has, that they are over (ops::merge_moments)

    bool defined() const { return mean.defined(); }
};

struct Pending {
    AffineTensor value;
    AffineTensor residual{};  // of value's shape, or absent
    Activation activation = Activation::identity;
    Moments moments{};  // of value.x

    /// A tensor is whole, and stands in for a Pending anywhere.
    Pending(const Tensor& whole) : value{whole, {}, {}} {}  // NOLINT(google-explicit-constructor)
    explicit Pending(AffineTensor normalised) : value(std::move(normalised)) {}

    /// Nothing is left to do: this is value.x.
    bool whole() const {
        return value.plain() && activation == Activation::identity && !residual.x.defined();
    }
    const Shape& shape() const { return value.x.shape(); }
};

}  // namespace vitrine
