// Four neighbouring pixels, 12 bytes: what one thread makes at a time.
//
// Where their address is a multiple of 4, as it always is for the result if an image has a multiple of four pixels, they
// are three words, a quarter of the requests that single bytes need.
#pragma once

#include "kernels/cuda/augment_step.h"

namespace vitrine::VITRINE_GPU {

struct Quad {
    augment::Pixel at[4];
};

__device__ __forceinline__ bool is_of_words(const uint8_t* address) {
    return reinterpret_cast<uintptr_t>(address) % 4 == 0;
}

/// Of `count` pixels, 1 to 4; where they are fewer than four, the rest are the last one again.
__device__ __forceinline__ Quad load_quad(const uint8_t* from, int count) {
    if (count < 4 || !is_of_words(from)) {
        Quad quad;
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) quad.at[j] = pixel_at(from + (j < count ? j : count - 1) * 3);
        return quad;
    }
    const auto* words = reinterpret_cast<const uint32_t*>(from);
    const uint32_t a = words[0], b = words[1], c = words[2];
    const auto byte = [](uint32_t word, int i) { return static_cast<uint8_t>(word >> (8 * i)); };
    return {{{byte(a, 0), byte(a, 1), byte(a, 2)},
             {byte(a, 3), byte(b, 0), byte(b, 1)},
             {byte(b, 2), byte(b, 3), byte(c, 0)},
             {byte(c, 1), byte(c, 2), byte(c, 3)}}};
}

/// The first `count` of the four.
__device__ __forceinline__ void store_quad(uint8_t* to, const Quad& quad, int count) {
    if (count < 4 || !is_of_words(to)) {
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) {
            if (j < count) put_pixel(to + j * 3, quad.at[j]);
        }
        return;
    }
    const augment::Pixel* p = quad.at;
    const auto word = [](uint8_t first, uint8_t second, uint8_t third, uint8_t fourth) {
        return uint32_t{first} | uint32_t{second} << 8 | uint32_t{third} << 16 | uint32_t{fourth} << 24;
    };
    auto* words = reinterpret_cast<uint32_t*>(to);
    words[0] = word(p[0].red, p[0].green, p[0].blue, p[1].red);
    words[1] = word(p[1].green, p[1].blue, p[2].red, p[2].green);
    words[2] = word(p[2].blue, p[3].red, p[3].green, p[3].blue);
}

/// Columns and rows of four pixels, in rows of `width`.
struct QuadPlaces {
    PixelPlace at[4];

    /// From pixel `first` on; where `count` is less than four, the rest are the last one again.
    __device__ __forceinline__ QuadPlaces(int first, int count, int width) {
        PixelPlace place{first % width, first / width};
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) {
            at[j] = place;
            if (j + 1 < count && ++place.x == width) place = {0, place.y + 1};
        }
    }
    /// Whether all four are there, one beside the other.
    __device__ __forceinline__ bool in_one_row() const { return at[3].x == at[0].x + 3; }
};

}  // namespace vitrine::VITRINE_GPU
