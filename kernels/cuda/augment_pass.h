// A pass over one image: the piece of an augmentation program that many blocks can do side by side.
//
// The host cuts programs into passes (augment_plan.h). A pass reads an image that is whole and knows the steps since
// then; nothing else is handed from pass to pass but counted values, so that its blocks need not know of one
// another, nor of the passes before.
#pragma once

#include "kernels/augment_program.h"
#include "kernels/cuda/augment_step.h"

namespace vitrine::VITRINE_GPU {

enum class PassKind : int32_t {
    write,    // the image after the steps
    mix,      // likewise, and after the mixture that follows them
    sharpen,  // the image sharpened; no steps come before
    columns,  // an axis resized; no steps come before
    rows,
    count_values,  // histograms of the image before the steps
    sum_luma,      // of the image after the steps
};

constexpr bool only_counts(PassKind kind) {
    return kind == PassKind::count_values || kind == PassKind::sum_luma;
}

struct AugmentPass {
    PassKind kind = PassKind::write;
    int32_t first = 0;  // the steps since `from` was whole are `first` … `last` − 1
    int32_t last = 0;   // a mixture or a sharpening is itself step `last`
    int32_t height = 0;
    int32_t width = 0;  // of `from`; a part that is resized may lie in a larger image
    int32_t out_height = 0;
    int32_t out_width = 0;   // of what is made or counted
    int32_t statistics = 0;  // where sums go, in words
    int64_t stride = 0;      // resizing: bytes from row to row of `from`
    int64_t axis = 0;        // resizing: where the axis' weights are, in words
    const uint8_t* from = nullptr;
    uint8_t* to = nullptr;  // null where values are only counted

    __host__ __device__ int pixels() const { return out_height * out_width; }
};

/// An axis whose weights are to be found. In words from `room` on lie, for each output, its first input, then for each
/// the number of its inputs, then all first weights, all second ones and so on: neighbouring threads, which make
/// neighbouring outputs, read neighbouring words.
struct AugmentAxis {
    int32_t input = 1;
    int32_t output = 1;
    int64_t room = 0;

    int64_t words() const { return int64_t{output} * (2 + resize_taps(input, output)); }
};

/// What all passes of a batch read beside pixels.
struct AugmentLists {
    const augment::Step* steps;
    const int32_t* zooms;  // the positions of all zooms
    const int32_t* axes;   // what the outputs of all axes are made of
    int32_t* statistics;   // zero before the first pass
};

}  // namespace vitrine::VITRINE_GPU
