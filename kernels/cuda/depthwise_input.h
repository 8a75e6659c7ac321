// What the fast depthwise kernels read through shared memory: the input after its prologue, and the upstream
// gradient with the epilogue's part. Both are Sources of RowStage (depthwise_walk.h).
#pragma once

#include "kernels/cuda/clamp_bounds.h"
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
    ClampBounds<A> clamp;
    const A* parameters;  // in shared memory: scale, shift of the thread's channels, row_values apart
    int row_values;

    __device__ __forceinline__ void fetch(int index, Raw& raw) const { raw = load_stored<N>(x + index); }

    __device__ __forceinline__ Lanes<A, N> finish(const Raw& raw) const {
        const auto values = widened(raw);
        const auto scale = load_lanes<N>(parameters);
        const auto shift = load_lanes<N>(parameters + row_values);
        Lanes<A, N> a;
        VITRINE_UNROLL
        for (int k = 0; k < N; ++k) a[k] = clamp(multiply_add(scale[k], values[k], shift[k]));
        return a;
    }
};

/// g = d_y + d_mean / M + 2 · d_m2 · (y − mean) of N channels; without statistics d_y alone, whose d_m2 and y are zeros.
///
/// Of 16-bit values it is d_y + offset + 2 · d_m2 · y, offset = d_mean / M − 2 · d_m2 · mean: an instruction less. A mean that
/// is large beside the deviation costs digits of a float then, but y has 8 or 11 of 24 bits itself.
template <class T, int N>
struct UpstreamGradient {
    struct Raw {
        Stored<T, N> d_y;
        Stored<T, N> y;
    };
    using A = Accumulate<T>;
    static constexpr bool centred = !is_half_type<T>;
    static constexpr int parameter_rows = centred ? 3 : 2;

    const T* d_y;
    const T* y;
    bool statistics;
    const A*
        parameters;  // in shared memory, as fill() leaves them: those of the channels that the thread loads, row_values apart
    int row_values;

    template <class Parameters>
    static __device__ __forceinline__ void fill(Parameters& parameters, int row, const UpstreamOn<T>& from) {
        parameters.fill(row, 1, from.d_m2, A(0), A(2));
        if constexpr (centred) {
            parameters.fill(row + 1, 1, from.d_mean, A(0), from.share);
            parameters.fill(row + 2, 1, from.mean, A(0));
        } else {
            parameters.fill_by(row + 1, 1, A(0), !from.plain(), [&](int, int channel) {
                const auto d_mean = load_lanes<N>(from.d_mean + channel);
                const auto d_m2 = load_lanes<N>(from.d_m2 + channel);
                const auto mean = load_lanes<N>(from.mean + channel);
                Lanes<A, N> offset;
                VITRINE_UNROLL
                for (int k = 0; k < N; ++k)
                    offset[k] = multiply_add(A(-2) * d_m2[k], mean[k], d_mean[k] * from.share);
                return offset;
            });
        }
    }

    __device__ __forceinline__ void fetch(int index, Raw& raw) const {
        raw.d_y = load_stored<N>(d_y + index);
        if (statistics) raw.y = load_stored<N>(y + index);
    }

    __device__ __forceinline__ Lanes<A, N> finish(const Raw& raw) const {
        Lanes<A, N> g = widened(raw.d_y);
        auto of_y = widened(raw.y);
        const auto slope = load_lanes<N>(parameters);
        const auto offset = load_lanes<N>(parameters + row_values);
        if constexpr (centred) {
            const auto mean = load_lanes<N>(parameters + 2 * row_values);
            VITRINE_UNROLL
            for (int k = 0; k < N; ++k) of_y[k] -= mean[k];
        }
        VITRINE_UNROLL
        for (int k = 0; k < N; ++k) g[k] = multiply_add(slope[k], of_y[k], g[k] + offset[k]);
        return g;
    }
};

}  // namespace vitrine::VITRINE_GPU
