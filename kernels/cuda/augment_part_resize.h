// Resizing where many blocks share an image: the weights of an axis are found once, by a launch of their own, and
// then each thread makes some of the outputs of an axis.
#pragma once

#include "kernels/augment_resize.h"
#include "kernels/cuda/augment_pass.h"
#include "kernels/cuda/augment_pixels.h"

namespace vitrine::VITRINE_GPU {

/// What the outputs of an axis are made of: see AugmentAxis.
template <class Word>
struct AxisWeights {
    Word* begins;
    Word* counts;
    Word* weights;
    int outputs;

    __device__ __forceinline__ AxisWeights(Word* room, int outputs_of_axis)
        : begins(room),
          counts(room + outputs_of_axis),
          weights(room + 2 * outputs_of_axis),
          outputs(outputs_of_axis) {}
    __device__ __forceinline__ Word& weight(int out, int k) const {
        return weights[static_cast<int64_t>(k) * outputs + out];
    }
};

/// By one thread.
__device__ inline void find_weights_of(const augment::ResizeAxis& axis, int out,
                                       const AxisWeights<int32_t>& to) {
    const double total = axis.sum(out);
    const int64_t begin = axis.begin(out), end = axis.end(out);
    to.begins[out] = static_cast<int32_t>(begin);
    to.counts[out] = static_cast<int32_t>(end - begin);
    for (int64_t in = begin; in < end; ++in)
        to.weight(out, static_cast<int>(in - begin)) = axis.weight(out, in, total);
}

/// Sums of bytes · weight.
template <int bytes>
struct WeightedSums {
    int32_t sum[bytes];

    __device__ __forceinline__ WeightedSums() {
        VITRINE_UNROLL
        for (int b = 0; b < bytes; ++b) sum[b] = augment::resize_one_half;
    }
    __device__ __forceinline__ uint8_t operator[](int b) const { return augment::resized_pixel(sum[b]); }
};

/// Rows of inputs become rows of outputs: [rows, inputs, 3] is [rows, outputs, 3] then.
__device__ inline FourPixels resized_columns(const AugmentPass& pass, const int32_t* axes,
                                             const WarpPixels& here) {
    const AxisWeights<const int32_t> axis(axes + pass.axis, pass.out_width);
    FourPixels four;
    VITRINE_UNROLL
    for (int j = 0; j < 4; ++j) {
        const PixelPlace at = pass.place(here.index(j));
        const int out = pass.mirrored != 0 ? pass.out_width - 1 - at.x : at.x;
        const uint8_t* from = pass.from + at.y * pass.stride + static_cast<int64_t>(axis.begins[out]) * 3;
        const int inputs = axis.counts[out];
        WeightedSums<3> sums;
        for (int k = 0; k < inputs; ++k) {
            const int32_t weight = axis.weight(out, k);
            VITRINE_UNROLL
            for (int c = 0; c < 3; ++c) sums.sum[c] += from[k * 3 + c] * weight;
        }
        four.at[j] = {sums[0], sums[1], sums[2]};
    }
    return four;
}

/// [inputs, columns, 3] becomes [outputs, columns, 3]: each byte by itself, whatever its channel, and so four at a time
/// where all rows begin with a word.
__device__ __forceinline__ bool rows_are_words(const AugmentPass& pass) {
    const auto from = reinterpret_cast<uintptr_t>(pass.from), to = reinterpret_cast<uintptr_t>(pass.to);
    return from % 4 == 0 && to % 4 == 0 && pass.stride % 4 == 0 && pass.out_width % 4 == 0;
}

/// Bytes `first` … of the result; `Bytes` is a byte or a word.
template <class Bytes>
__device__ __forceinline__ void resize_rows_of(const AugmentPass& pass,
                                               const AxisWeights<const int32_t>& axis, int64_t first) {
    constexpr int bytes = static_cast<int>(sizeof(Bytes));
    const int y = pass.place(static_cast<int>(first / 3)).y;
    const int out = pass.mirrored != 0 ? pass.out_height - 1 - y : y;
    const uint8_t* from =
        pass.from + axis.begins[out] * pass.stride + (first - int64_t{3} * y * pass.out_width);
    const int inputs = axis.counts[out];
    WeightedSums<bytes> sums;
    for (int k = 0; k < inputs; ++k) {
        const Bytes input = *reinterpret_cast<const Bytes*>(from + k * pass.stride);
        const int32_t weight = axis.weight(out, k);
        VITRINE_UNROLL
        for (int b = 0; b < bytes; ++b) sums.sum[b] += static_cast<uint8_t>(input >> (8 * b)) * weight;
    }
    Bytes result = 0;
    VITRINE_UNROLL
    for (int b = 0; b < bytes; ++b) result = static_cast<Bytes>(result | Bytes{sums[b]} << (8 * b));
    *reinterpret_cast<Bytes*>(pass.to + first) = result;
}

}  // namespace vitrine::VITRINE_GPU
