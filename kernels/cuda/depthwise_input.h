// What the fast depthwise kernels read through shared memory: the input after its prologue, and the upstream
// gradient with the epilogue's part. Both are Sources of RowStage (depthwise_walk.h).
#pragma once

#include "kernels/cuda/conv_parts.h"
#include "kernels/cuda/depthwise_walk.h"

namespace vitrine::VITRINE_GPU {

/// a = activation(scale · x + shift) of N channels. Without a prologue scale is 1 and shift 0, which changes
/// nothing.
///
/// What belongs to a channel stays in shared memory: registers are what these kernels are short of.
template <class T, int N>
struct ActivatedInput {
    using Raw = Stored<T, N>;
    using A = Accumulate<T>;

    const T* x;
    Activation activation;
    const A* parameters;  // in shared memory: scale, shift of the thread's channels, row_values apart
    int row_values;

    __device__ __forceinline__ Raw fetch(int index) const { return load_stored<N>(x + index); }

    __device__ __forceinline__ Lanes<A, N> finish(const Raw& raw) const {
        const auto values = widened(raw);
        const auto scale = load_lanes<N>(parameters);
        const auto shift = load_lanes<N>(parameters + row_values);
        Lanes<A, N> a;
        VITRINE_UNROLL
        for (int k = 0; k < N; ++k) a[k] = clamped(activation, multiply_add(scale[k], values[k], shift[k]));
        return a;
    }
};

/// g = d_y + d_mean / M + 2 · d_m2 · (y − mean) of N channels; without statistics d_y alone.
template <class T, int N>
struct UpstreamGradient {
    struct Raw {
        Stored<T, N> d_y;
        Stored<T, N> y;
    };
    using A = Accumulate<T>;

    const T* d_y;
    const T* y;  // null: without statistics
    const A*
        parameters;  // in shared memory: mean, d_mean / M, 2 · d_m2 of the thread's channels, row_values apart
    int row_values;

    __device__ __forceinline__ Raw fetch(int index) const {
        return {load_stored<N>(d_y + index), y == nullptr ? Stored<T, N>{} : load_stored<N>(y + index)};
    }

    __device__ __forceinline__ Lanes<A, N> finish(const Raw& raw) const {
        Lanes<A, N> g = widened(raw.d_y);
        if (y == nullptr) return g;
        const auto of_y = widened(raw.y);
        const auto mean = load_lanes<N>(parameters);
        const auto d_mean = load_lanes<N>(parameters + row_values);
        const auto d_m2 = load_lanes<N>(parameters + 2 * row_values);
        VITRINE_UNROLL
        for (int k = 0; k < N; ++k) g[k] = multiply_add(d_m2[k], of_y[k] - mean[k], g[k] + d_mean[k]);
        return g;
    }
};

}  // namespace vitrine::VITRINE_GPU
