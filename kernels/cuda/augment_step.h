// One step of an augmentation program and one pixel: where a move finds it, what becomes of its values. Both
// rungs of augment_images.cu are made of these.
#pragma once

#include "kernels/augment_arithmetic.h"
#include "kernels/augment_program.h"
#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

constexpr int augment_threads = 256;  // of a block: one for each entry of a table of values
constexpr int augment_most_moves = 8;

/// The most input pixels that one output of a resized axis is made of.
__host__ __device__ constexpr int resize_taps(int input, int output) {
    const int scale = (input + output - 1) / output;
    return 2 * (scale > 1 ? scale : 1) + 1;
}

/// What a step asks of the image before it.
enum class StepKind : int32_t {
    move,       // one pixel, from another place
    value,      // one value of a channel: the step is a table
    histogram,  // likewise, once the values of the image are counted
    luma,       // likewise, once the image's mean luma is known
    mixture,    // the three channels of a pixel
    smoothing,  // a pixel's neighbours
    resizing,
};

__host__ __device__ constexpr StepKind kind_of(augment::OpCode op) {
    switch (op) {
        case augment::OpCode::resize:
            return StepKind::resizing;
        case augment::OpCode::offset:
        case augment::OpCode::affine:
        case augment::OpCode::zoom:
        case augment::OpCode::flip_horizontal:
        case augment::OpCode::flip_vertical:
        case augment::OpCode::turn_left:
        case augment::OpCode::turn_right:
            return StepKind::move;
        case augment::OpCode::brightness:
        case augment::OpCode::posterize:
        case augment::OpCode::solarize:
        case augment::OpCode::invert:
            return StepKind::value;
        case augment::OpCode::autocontrast:
        case augment::OpCode::equalize:
            return StepKind::histogram;
        case augment::OpCode::contrast:
            return StepKind::luma;
        case augment::OpCode::saturation:
        case augment::OpCode::hue:
        case augment::OpCode::grayscale:
            return StepKind::mixture;
        case augment::OpCode::sharpness:
            return StepKind::smoothing;
    }
    return StepKind::move;  // all are named above; nvcc asks for it
}

/// What is kept of a move, in shared memory, where nothing may have a constructor.
struct AugmentMove {
    augment::OpCode op;
    int32_t out_width;
    int32_t out_height;
    uint8_t fill[3];
    int32_t integers[6];
};

__device__ __forceinline__ AugmentMove move_of(const augment::Step& step) {
    const int32_t* i = step.integers;
    return {step.op,
            step.out_width,
            step.out_height,
            {step.fill[0], step.fill[1], step.fill[2]},
            {i[0], i[1], i[2], i[3], i[4], i[5]}};
}

struct PixelPlace {
    int x, y;
};

/// Where a move finds the pixel `at` of its result in an image of this size, maybe outside of it. `places`: the
/// positions of all zooms (augment_zooms.h).
__device__ __forceinline__ PixelPlace moved_back(const AugmentMove& move, PixelPlace at, int width,
                                                 int height, const int32_t* places) {
    const int32_t* i = move.integers;
    switch (move.op) {
        case augment::OpCode::offset:
            return {at.x + i[0], at.y + i[1]};
        case augment::OpCode::affine:
            return {static_cast<int>((int64_t{i[0]} * at.x + int64_t{i[1]} * at.y + i[2]) >> 16),
                    static_cast<int>((int64_t{i[3]} * at.x + int64_t{i[4]} * at.y + i[5]) >> 16)};
        case augment::OpCode::zoom:
            return {places[i[0] + at.x], places[i[1] + at.y]};
        case augment::OpCode::flip_horizontal:
            return {width - 1 - at.x, at.y};
        case augment::OpCode::flip_vertical:
            return {at.x, height - 1 - at.y};
        case augment::OpCode::turn_left:
            return {width - 1 - at.y, at.x};
        default:  // turn_right
            return {at.y, height - 1 - at.x};
    }
}

/// Of a step of StepKind::value.
__device__ __forceinline__ uint8_t value_after(const augment::Step& step, uint8_t value) {
    switch (step.op) {
        case augment::OpCode::brightness:
            return augment::blend(0, value, static_cast<float>(step.reals[0]));
        case augment::OpCode::posterize:
            return augment::posterize(value, step.integers[0]);
        case augment::OpCode::solarize:
            return augment::solarize(value, step.reals[0]);
        default:  // invert
            return static_cast<uint8_t>(255 - value);
    }
}

/// Of a step of StepKind::mixture.
__device__ __forceinline__ augment::Pixel pixel_after(const augment::Step& step, augment::Pixel p) {
    if (step.op == augment::OpCode::hue) return augment::turn_hue(p, static_cast<uint8_t>(step.integers[0]));
    const uint8_t gray = augment::luma(p);
    if (step.op == augment::OpCode::grayscale) return {gray, gray, gray};
    const auto factor = static_cast<float>(step.reals[0]);
    return {augment::blend(gray, p.red, factor), augment::blend(gray, p.green, factor),
            augment::blend(gray, p.blue, factor)};
}

__device__ __forceinline__ augment::Pixel pixel_at(const uint8_t* from) {
    return {from[0], from[1], from[2]};
}

__device__ __forceinline__ void put_pixel(uint8_t* to, augment::Pixel p) {
    to[0] = p.red;
    to[1] = p.green;
    to[2] = p.blue;
}

/// One channel of a sharpened pixel. The border of the image, one pixel wide, is not smoothed. `row`: bytes from
/// row to row.
__device__ __forceinline__ uint8_t sharpened(const uint8_t* at, int row, bool at_border, float factor) {
    if (at_border) return augment::blend(at[0], at[0], factor);
    int weighted = 4 * at[0];
    for (int dy = -row; dy <= row; dy += row) weighted += at[dy - 3] + at[dy] + at[dy + 3];
    return augment::blend(augment::smooth(weighted), at[0], factor);
}

}  // namespace vitrine::VITRINE_GPU
