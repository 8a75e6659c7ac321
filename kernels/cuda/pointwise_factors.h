// What the two products of pointwise convolution's backward pass multiply: g comes from d_y (and y), a from x, while they are loaded.
#pragma once

#include "kernels/cuda/gemm_operands.h"

namespace vitrine::VITRINE_GPU {

/// d_a [pixels, in] = g [pixels, out] · weight
template <class V, class T>
struct InputGradientFactors {
    LinesOfMatrix<UpstreamSource<V, T>> g;
    RowsOfDepth<PlainSource<V, T>> weight;

    explicit InputGradientFactors(const ConvBackward& args)
        : g{UpstreamSource<V, T>(args), static_cast<int>(args.shape.out_channels)},
          weight{{static_cast<const T*>(args.weight)}, static_cast<int>(args.shape.in_channels)} {}
};

/// d_weight [out, in] = gᵀ · a, a sum over the pixels.
template <class V, class T>
struct WeightGradientFactors {
    RowsOfDepth<UpstreamSource<V, T>> g;
    RowsOfDepth<PrologueSource<V, T>> a;

    explicit WeightGradientFactors(const ConvBackward& args)
        : g{UpstreamSource<V, T>(args), static_cast<int>(args.shape.out_channels)},
          a{PrologueSource<V, T>(args.x, args.prologue), static_cast<int>(args.shape.in_channels)} {}
};

}  // namespace vitrine::VITRINE_GPU
