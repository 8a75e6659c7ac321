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
    using Raw = Lanes<T, N>;

    const T* x;
    Activation activation;
    const T* parameters;  // in shared memory: scale, shift of the thread's channels, `across` values apart
    int across;

    __device__ __forceinline__ Raw fetch(int index) const { return load_lanes<N>(x + index); }

    __device__ __forceinline__ Lanes<T, N> finish(const Raw& raw) const {
        const auto scale = load_lanes<N>(parameters);
        const auto shift = load_lanes<N>(parameters + across);
        Lanes<T, N> a;
        VITRINE_UNROLL
        for (int k = 0; k < N; ++k) a[k] = clamped(activation, multiply_add(scale[k], raw[k], shift[k]));
        return a;
    }
};

/// g = d_y + d_mean / M + 2 · d_m2 · (y − mean) of N channels; without statistics d_y alone.
template <class T, int N>
struct UpstreamGradient {
    struct Raw {
        Lanes<T, N> d_y;
        Lanes<T, N> y;
    };

    const T* d_y;
    const T* y;           // null: without statistics
    const T* parameters;  // in shared memory: mean, d_mean / M, 2 · d_m2 of the thread's channels
    int across;

    __device__ __forceinline__ Raw fetch(int index) const {
        return {load_lanes<N>(d_y + index), y == nullptr ? all_lanes<T, N>(T(0)) : load_lanes<N>(y + index)};
    }

    __device__ __forceinline__ Lanes<T, N> finish(const Raw& raw) const {
        if (y == nullptr) return raw.d_y;
        const auto mean = load_lanes<N>(parameters);
        const auto d_mean = load_lanes<N>(parameters + across);
        const auto d_m2 = load_lanes<N>(parameters + 2 * across);
        Lanes<T, N> g;
        VITRINE_UNROLL
        for (int k = 0; k < N; ++k) g[k] = multiply_add(d_m2[k], raw.y[k] - mean[k], raw.d_y[k] + d_mean[k]);
        return g;
    }
};

}  // namespace vitrine::VITRINE_GPU
