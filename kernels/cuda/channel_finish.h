// The second stage of sums over rows: the chunks' partial results of each channel become one.
//
// A block takes 8 channels (a 32-byte sector of floats) and 32 slices of the chunks: thread (slice, lane)
// puts together chunks slice, slice + 32, …, then the slices join as a tree. `Put`, passed by value, gets
// the result, so that what follows from it (1/σ, running statistics, the coefficients of the next pass) needs
// no launch of its own.
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

constexpr int finish_channels = 8;
constexpr int finish_slices = 32;
constexpr int finish_threads = finish_channels * finish_slices;

/// partials [groups, chunks, sums, channels]; put(group · channels + channel, totals), totals [sums].
template <class T, int sums, class Put>
__global__ void __launch_bounds__(finish_threads)
    finish_channel_sums(ReadOnly<T> partials, int64_t chunks, int64_t channels, int64_t tiles, Put put) {
    __shared__ T shared[sums][finish_threads];
    const int me = static_cast<int>(threadIdx.x);
    const int slice = me / finish_channels;
    const int64_t group = int64_t{blockIdx.x} / tiles;
    const int64_t channel = (int64_t{blockIdx.x} - group * tiles) * finish_channels + me % finish_channels;

    T total[sums] = {};
    if (channel < channels) {
        const ReadOnly<T> partial = partials + group * chunks * sums * channels + channel;
        for (int64_t chunk = slice; chunk < chunks; chunk += finish_slices) {
            VITRINE_UNROLL
            for (int k = 0; k < sums; ++k) total[k] += partial[(chunk * sums + k) * channels];
        }
    }
    VITRINE_UNROLL
    for (int half = finish_slices / 2; half > 0; half /= 2) {
        if (slice >= half && slice < 2 * half) {
            VITRINE_UNROLL
            for (int k = 0; k < sums; ++k) shared[k][me] = total[k];
        }
        __syncthreads();
        if (slice < half) {
            VITRINE_UNROLL
            for (int k = 0; k < sums; ++k) total[k] += shared[k][me + half * finish_channels];
        }
    }
    if (slice == 0 && channel < channels) put(group * channels + channel, total);
}

template <int sums, class T, class Put>
void run_finish_sums(const T* partials, int64_t groups, int64_t chunks, int64_t channels, const Put& put) {
    if (groups * channels == 0) return;
    const int64_t tiles = divide_up(channels, int64_t{finish_channels});
    launch(finish_channel_sums<T, sums, Put>, blocks_for(groups * tiles, 1), finish_threads, 0, stream(),
           partials, chunks, channels, tiles, put);
}

/// How many values there are, their mean, and the sum of their squared distances to it.
template <class T>
struct Moments {
    T count = T(0);
    T mean = T(0);
    T m2 = T(0);

    /// Source: Chan, Golub and LeVeque, 1979.
    __device__ __forceinline__ void merge(T more, T their_mean, T their_m2) {
        if (more == T(0)) return;
        const T total = count + more;
        const T share = more / total;
        const T distance = their_mean - mean;
        mean = multiply_add(distance, share, mean);
        m2 = multiply_add(distance * distance, count * share, m2 + their_m2);
        count = total;
    }
};

/// partials [chunks, 3, channels]: count, mean, m2; put(channel, mean, m2).
///
/// Means are merged as distances to the first chunk's mean: where they are large against their spread, no
/// digits get lost.
template <class T, class Put>
__global__ void __launch_bounds__(finish_threads)
    finish_channel_moments(ReadOnly<T> partials, int64_t chunks, int64_t channels, Put put) {
    __shared__ T shared[3][finish_threads];
    const int me = static_cast<int>(threadIdx.x);
    const int slice = me / finish_channels;
    const int64_t channel = int64_t{blockIdx.x} * finish_channels + me % finish_channels;

    Moments<T> total;
    T origin = T(0);
    if (channel < channels && slice < chunks) {
        if (partials[channel] > T(0)) origin = partials[channels + channel];
        for (int64_t chunk = slice; chunk < chunks; chunk += finish_slices) {
            const ReadOnly<T> partial = partials + chunk * 3 * channels + channel;
            total.merge(partial[0], partial[channels] - origin, partial[2 * channels]);
        }
    }
    VITRINE_UNROLL
    for (int half = finish_slices / 2; half > 0; half /= 2) {
        if (slice >= half && slice < 2 * half) {
            shared[0][me] = total.count;
            shared[1][me] = total.mean;
            shared[2][me] = total.m2;
        }
        __syncthreads();
        if (slice < half) {
            const int partner = me + half * finish_channels;
            total.merge(shared[0][partner], shared[1][partner], shared[2][partner]);
        }
    }
    if (slice == 0 && channel < channels) put(channel, origin + total.mean, total.m2);
}

template <class T, class Put>
void run_finish_moments(const T* partials, int64_t chunks, int64_t channels, const Put& put) {
    if (channels == 0) return;
    launch(finish_channel_moments<T, Put>, blocks_for(divide_up(channels, int64_t{finish_channels}), 1),
           finish_threads, 0, stream(), partials, chunks, channels, put);
}

}  // namespace vitrine::VITRINE_GPU
