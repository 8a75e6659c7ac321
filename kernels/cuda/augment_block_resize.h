// Resizing an image by one block of threads, an axis at a time. All threads of the block call these together; `all_weights`
// is global memory for the weights of one axis.
#pragma once

#include "kernels/augment_resize.h"
#include "kernels/cuda/augment_step.h"

namespace vitrine::VITRINE_GPU {

/// The weights of output i lie from i · taps on; one thread an output.
__device__ inline void find_resize_weights(const augment::ResizeAxis& axis, int taps, int32_t* all_weights) {
    __syncthreads();
    for (int out = static_cast<int>(threadIdx.x); out < axis.output; out += augment_threads) {
        const double total = axis.sum(out);
        int32_t* weights = all_weights + static_cast<int64_t>(out) * taps;
        for (int64_t in = axis.begin(out); in < axis.end(out); ++in) *weights++ = axis.weight(out, in, total);
    }
    __syncthreads();
}

/// [rows, axis.input, 3] with rows `stride` bytes apart becomes [rows, axis.output, 3].
__device__ inline void resize_columns(const uint8_t* from, int stride, int rows,
                                      const augment::ResizeAxis& axis, int32_t* all_weights, uint8_t* to) {
    const int taps = resize_taps(static_cast<int>(axis.input), static_cast<int>(axis.output));
    find_resize_weights(axis, taps, all_weights);
    const int row = static_cast<int>(axis.output) * 3, count = rows * row;
    for (int i = static_cast<int>(threadIdx.x); i < count; i += augment_threads) {
        const int y = i / row, x = (i - y * row) / 3, c = i % 3;
        const int32_t* weights = all_weights + static_cast<int64_t>(x) * taps;
        const int begin = static_cast<int>(axis.begin(x)), end = static_cast<int>(axis.end(x));
        int32_t sum = augment::resize_one_half;
        for (int in = begin; in < end; ++in)
            sum += from[static_cast<int64_t>(y) * stride + in * 3 + c] * weights[in - begin];
        to[i] = augment::resized_pixel(sum);
    }
    __syncthreads();
}

/// [axis.input, columns, 3] becomes [axis.output, columns, 3].
__device__ inline void resize_rows(const uint8_t* from, int stride, int columns,
                                   const augment::ResizeAxis& axis, int32_t* all_weights, uint8_t* to) {
    const int taps = resize_taps(static_cast<int>(axis.input), static_cast<int>(axis.output));
    find_resize_weights(axis, taps, all_weights);
    const int row = columns * 3, count = static_cast<int>(axis.output) * row;
    for (int i = static_cast<int>(threadIdx.x); i < count; i += augment_threads) {
        const int y = i / row, x = i - y * row;
        const int32_t* weights = all_weights + static_cast<int64_t>(y) * taps;
        const int begin = static_cast<int>(axis.begin(y)), end = static_cast<int>(axis.end(y));
        int32_t sum = augment::resize_one_half;
        for (int in = begin; in < end; ++in)
            sum += from[static_cast<int64_t>(in) * stride + x] * weights[in - begin];
        to[i] = augment::resized_pixel(sum);
    }
    __syncthreads();
}

}  // namespace vitrine::VITRINE_GPU
