// Resizing where many blocks share an image: the weights of an axis are found once, by a launch of their own, and
// then each thread makes four outputs of one axis.
#pragma once

#include "kernels/augment_resize.h"
#include "kernels/cuda/augment_pass.h"
#include "kernels/cuda/augment_quad.h"

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

/// The weighted sum of pixels.
struct PixelSum {
    int32_t red = augment::resize_one_half;
    int32_t green = augment::resize_one_half;
    int32_t blue = augment::resize_one_half;

    __device__ __forceinline__ void add(augment::Pixel p, int32_t weight) {
        red += p.red * weight;
        green += p.green * weight;
        blue += p.blue * weight;
    }
    __device__ __forceinline__ augment::Pixel pixel() const {
        return {augment::resized_pixel(red), augment::resized_pixel(green), augment::resized_pixel(blue)};
    }
};

/// Output `out` of an axis, from the inputs' pixels, `distance` bytes apart.
__device__ __forceinline__ augment::Pixel resized(const uint8_t* inputs, int64_t distance, int out,
                                                  const AxisWeights<const int32_t>& axis) {
    const uint8_t* from = inputs + axis.begins[out] * distance;
    const int count = axis.counts[out];
    PixelSum sum;
    for (int k = 0; k < count; ++k) sum.add(pixel_at(from + k * distance), axis.weight(out, k));
    return sum.pixel();
}

/// Rows become columns' outputs: [rows, inputs, 3] is [rows, outputs, 3].
__device__ inline Quad resized_columns(const AugmentPass& pass, const int32_t* axes, int first, int count) {
    const AxisWeights<const int32_t> axis(axes + pass.axis, pass.out_width);
    const QuadPlaces places(first, count, pass.out_width);
    Quad quad;
    VITRINE_UNROLL
    for (int j = 0; j < 4; ++j) {
        const PixelPlace at = places.at[j];
        quad.at[j] = resized(pass.from + at.y * pass.stride, 3, at.x, axis);
    }
    return quad;
}

/// [inputs, columns, 3] becomes [outputs, columns, 3]: what four pixels of a row are made of lies side by side.
__device__ inline Quad resized_rows(const AugmentPass& pass, const int32_t* axes, int first, int count) {
    const AxisWeights<const int32_t> axis(axes + pass.axis, pass.out_height);
    const QuadPlaces places(first, count, pass.out_width);
    Quad quad;
    if (!places.in_one_row()) {
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) {
            const PixelPlace at = places.at[j];
            quad.at[j] = resized(pass.from + at.x * 3, pass.stride, at.y, axis);
        }
        return quad;
    }
    const int out = places.at[0].y, inputs = axis.counts[out];
    const uint8_t* from = pass.from + axis.begins[out] * pass.stride + places.at[0].x * 3;
    PixelSum sums[4];
    for (int k = 0; k < inputs; ++k) {
        const Quad input = load_quad(from + k * pass.stride, 4);
        const int32_t weight = axis.weight(out, k);
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) sums[j].add(input.at[j], weight);
    }
    VITRINE_UNROLL
    for (int j = 0; j < 4; ++j) quad.at[j] = sums[j].pixel();
    return quad;
}

}  // namespace vitrine::VITRINE_GPU
