// A pass over one image: the piece of an augmentation program that many blocks can do side by side.
//
// The host cuts programs into passes (augment_plan.h). A pass reads an image that is whole and knows the steps since
// then; nothing else is handed from pass to pass but counted values, so that its blocks need not know of one
// another, nor of the passes before.
#pragma once

#include <cstring>

#include "kernels/augment_program.h"
#include "kernels/cuda/augment_step.h"
#include "kernels/cuda/divisor.h"

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

/// Whether it is a pass through the steps since the image was whole.
__host__ __device__ constexpr bool reads_steps(PassKind kind) {
    return kind == PassKind::write || kind == PassKind::mix || kind == PassKind::sum_luma;
}

/// 16 bytes of it can be loaded at a time.
struct alignas(16) AugmentPass {
    PassKind kind = PassKind::write;
    int32_t first = 0;  // the steps since `from` was whole are `first` … `last` − 1
    int32_t last = 0;   // what is mixed or sharpened by is step `last`
    int32_t height = 0;
    int32_t width = 0;  // of `from`; a part that is resized may lie in a larger image
    int32_t out_height = 0;
    int32_t out_width = 0;   // of what is made or counted
    int32_t statistics = 0;  // where sums go, in words
    int64_t stride = 0;      // resizing: bytes from row to row of `from`
    int64_t axis = 0;        // resizing: where the axis' weights are, in words
    Divisor row{};           // divides by out_width
    int32_t mirrored = 0;    // resizing: 1 if the last output of the axis is wanted first
    const uint8_t* from = nullptr;
    uint8_t* to = nullptr;  // null where values are only counted

    __host__ __device__ int pixels() const { return out_height * out_width; }
    /// The column and row of a pixel of the result.
    __device__ __forceinline__ PixelPlace place(int pixel) const {
        const int y = row.divide(pixel);
        return {row.rest(pixel, y), y};
    }
};

/// Each thread of a block asks for all of a pass, 16 bytes at a time. No ReadOnly: a kernel that writes where its passes say
/// cannot promise by its parameters what it leaves alone.
__device__ __forceinline__ AugmentPass load_pass(const uint4* passes, int index) {
    constexpr int count = sizeof(AugmentPass) / sizeof(uint4);
    uint4 words[count];
    VITRINE_UNROLL
    for (int i = 0; i < count; ++i) words[i] = passes[index * count + i];
    AugmentPass pass;
    memcpy(&pass, words, sizeof pass);
    return pass;
}

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
