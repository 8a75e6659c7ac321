// What the fast depthwise kernels read through shared memory: the input after its prologue, and the upstream
// gradient with the epilogue's part. Both are Sources of RowStage (depthwise_walk.h).
#pragma once

#include "kernels/cuda/conv_parts.h"
#include "kernels/cuda/depthwise_walk.h"

namespace vitrine::VITRINE_GPU {

/// a = activation(scale · x + shift) of N channels. Without a prologue scale is 1 and shift 0, which changes
/// nothing.
template <class T, int N>
struct ActivatedInput {
    using Raw = Lanes<T, N>;

    const T* x;
    Activation activation;
    Lanes<T, N> scale;
    Lanes<T, N> shift;

    /// parameters: the channel's scale in shared memory; its shift lies `across` values further.
    __device__ __forceinline__ ActivatedInput(const T* x_, Activation activation_, const T* parameters,
                                              int across)
        : x(x_), activation(activation_) {
        const int lane = static_cast<int>(threadIdx.x) * N % across;
        scale = load_lanes<N>(parameters + lane);
        shift = load_lanes<N>(parameters + across + lane);
    }

    __device__ __forceinline__ Raw fetch(int index) const { return load_lanes<N>(x + index); }

    __device__ __forceinline__ Lanes<T, N> finish(const Raw& raw) const {
        Lanes<T, N> a;
        VITRINE_UNROLL
        for (int k = 0; k < N; ++k) a[k] = activate(activation, multiply_add(scale[k], raw[k], shift[k]));
        return a;
    }
};

/// g = d_y + d_mean / M + 2 · d_m2 · (y − mean) of N channels. Without statistics y is not read, and zeros
/// stand for the rest.
template <class T, int N>
struct UpstreamGradient {
    struct Raw {
        Lanes<T, N> d_y;
        Lanes<T, N> y;
    };

    const T* d_y;
    const T* y;  // null: d_y alone
    Lanes<T, N> mean;
    Lanes<T, N> d_mean;  // / M
    Lanes<T, N> d_m2;    // · 2

    /// parameters: mean, d_mean and d_m2 of the channel in shared memory, `across` values apart.
    __device__ __forceinline__ UpstreamGradient(const UpstreamOn<T>& upstream, const T* parameters,
                                                int across)
        : d_y(upstream.d_y), y(upstream.d_mean == nullptr ? nullptr : upstream.y) {
        const int lane = static_cast<int>(threadIdx.x) * N % across;
        mean = load_lanes<N>(parameters + lane);
        d_mean = load_lanes<N>(parameters + across + lane);
        d_m2 = load_lanes<N>(parameters + 2 * across + lane);
        VITRINE_UNROLL
        for (int k = 0; k < N; ++k) {
            d_mean[k] /= upstream.pixels;
            d_m2[k] *= T(2);
        }
    }

    __device__ __forceinline__ Raw fetch(int index) const {
        return {load_lanes<N>(d_y + index), y == nullptr ? all_lanes<T, N>(T(0)) : load_lanes<N>(y + index)};
    }

    __device__ __forceinline__ Lanes<T, N> finish(const Raw& raw) const {
        Lanes<T, N> g;
        VITRINE_UNROLL
        for (int k = 0; k < N; ++k) g[k] = multiply_add(d_m2[k], raw.y[k] - mean[k], raw.d_y[k] + d_mean[k]);
        return g;
    }
};

}  // namespace vitrine::VITRINE_GPU
