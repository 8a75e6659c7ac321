// Pixels of three bytes, 32 at a time, and words of four: how a warp reads and writes its part of an image.
//
// A lane has one pixel, so that all that is looked up for it, in an image or in a list, lies beside what its neighbours
// look up. Byte by byte, 32 pixels are three requests that each touch all of their three sectors. As words they
// are one: 24 lanes load or store 96 bytes, and two shuffles bring each lane what is its own.
#pragma once

#include "kernels/cuda/augment_step.h"

namespace vitrine::VITRINE_GPU {

/// Four times 32 neighbouring pixels of an image, which a warp works on at once; less of them where the image ends.
struct WarpPixels {
    int first;
    int count;  // 1 to 128

    static __device__ __forceinline__ int lane() { return static_cast<int>(threadIdx.x) % 32; }
    /// Whether this lane has a j-th pixel.
    __device__ __forceinline__ bool has(int j) const { return j * 32 + lane() < count; }
    /// Which one it is; the last one again where it has none.
    __device__ __forceinline__ int index(int j) const {
        return first + (has(j) ? j * 32 + lane() : count - 1);
    }
    /// Whether all are there and begin at a multiple of four bytes.
    __device__ __forceinline__ bool in_words(const uint8_t* image) const {
        return count == 128 && reinterpret_cast<uintptr_t>(image) % 4 == 0;
    }
};

/// A lane's.
struct FourPixels {
    augment::Pixel at[4];
};

__device__ __forceinline__ uint32_t from_lane(uint32_t word, int lane) {
    return __shfl_sync(0xFFFFFFFFu, word, lane % 32);
}

/// The lane's pixel, of 32 that lie in the words of the first 24 lanes.
__device__ __forceinline__ augment::Pixel pixel_of_words(uint32_t word) {
    const int byte = WarpPixels::lane() * 3;
    const uint32_t low = from_lane(word, byte / 4), high = from_lane(word, (byte + 2) / 4);
    const uint64_t bits = (uint64_t{high} << 32 | low) >> (byte % 4 * 8);
    return {static_cast<uint8_t>(bits), static_cast<uint8_t>(bits >> 8), static_cast<uint8_t>(bits >> 16)};
}

/// And back: what the lanes from 24 on get is of no use.
__device__ __forceinline__ uint32_t word_of_pixels(augment::Pixel p) {
    const uint32_t own = uint32_t{p.red} | uint32_t{p.green} << 8 | uint32_t{p.blue} << 16;
    const int byte = WarpPixels::lane() * 4;
    const uint32_t low = from_lane(own, byte / 3), high = from_lane(own, byte / 3 + 1);
    return static_cast<uint32_t>((uint64_t{high} << 24 | low) >> (byte % 3 * 8));
}

/// All lanes together.
__device__ __forceinline__ FourPixels load_pixels(const uint8_t* image, const WarpPixels& here) {
    FourPixels four;
    if (!here.in_words(image)) {
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) four.at[j] = pixel_at(image + static_cast<int64_t>(here.index(j)) * 3);
        return four;
    }
    const auto* words = reinterpret_cast<const uint32_t*>(image + static_cast<int64_t>(here.first) * 3);
    uint32_t own[4];
    VITRINE_UNROLL
    for (int j = 0; j < 4; ++j) own[j] = WarpPixels::lane() < 24 ? words[j * 24 + WarpPixels::lane()] : 0;
    VITRINE_UNROLL
    for (int j = 0; j < 4; ++j) four.at[j] = pixel_of_words(own[j]);
    return four;
}

/// All lanes together.
__device__ __forceinline__ void store_pixels(uint8_t* image, const WarpPixels& here, const FourPixels& four) {
    if (!here.in_words(image)) {
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) {
            if (here.has(j)) put_pixel(image + static_cast<int64_t>(here.index(j)) * 3, four.at[j]);
        }
        return;
    }
    auto* words = reinterpret_cast<uint32_t*>(image + static_cast<int64_t>(here.first) * 3);
    VITRINE_UNROLL
    for (int j = 0; j < 4; ++j) {
        const uint32_t word = word_of_pixels(four.at[j]);
        if (WarpPixels::lane() < 24) words[j * 24 + WarpPixels::lane()] = word;
    }
}

}  // namespace vitrine::VITRINE_GPU
