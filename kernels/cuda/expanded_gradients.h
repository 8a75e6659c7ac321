// What the backward pass of the expanded convolution (expanded_backward.cu) has in shared memory: the tiles, and g and e as they
// lie there.
#pragma once

#include "kernels/cuda/expanded_tiles.h"

namespace vitrine::VITRINE_GPU {

/// A tile of x, and of g, which all the windows that hold its pixels make. Rows and columns of x of a thread begin at a multiple of
/// the stride, with padding 1: pixel i is in tap p of the window (i + 1 − p) / stride.
template <int stride_size>
struct BackwardTile {
    static constexpr int stride = stride_size;
    static constexpr int thread_rows = stride;
    static constexpr int rows = expanded_slots * thread_rows;
    static constexpr int columns = stride == 1 ? 14 : 8;
    using Input = PixelTile<rows, columns>;

    /// Windows before a multiple of the stride that hold its pixel.
    static constexpr int before = stride == 1 ? 1 : 0;
    static constexpr int thread_windows = thread_rows / stride + before + 1;  // below one another
    using Output = PixelTile<rows / stride + before + 1, columns / stride + before + 1>;

    /// Whether tap p of a window holds x's pixel i, counted from a thread's first, and of which of the thread's windows.
    static constexpr bool meets(int i, int p) { return (i + 1 - p + expanded_kernel * stride) % stride == 0; }
    static constexpr int window(int i, int p) { return (i + 1 - p + before * stride) / stride; }
};

/// g of a pack of channels.
template <class Half>
using OutputGradientSource = UpstreamSource<Pack<Half>, Half>;

/// g in shared memory, f32: [rows, pixels of a row, 32 channels]. The place of a pack of 4 is exchanged by the pixel's number, so
/// that the 2 pixels of 8 lanes that store together lie in different banks.
template <class Tile>
struct OutputGradients {
    using Output = typename Tile::Output;
    static constexpr int row_pixels = (Output::columns + 1) / 2 * 2;
    static constexpr int count = Output::rows * row_pixels * expanded_channels;

    static __device__ __forceinline__ float* at(float* shared, int row, int column, int channel) {
        const int pack = channel / 4 ^ (column & 1);
        return shared + (row * row_pixels + column) * expanded_channels + pack * 4 + channel % 4;
    }
};

/// e [pixels, 32] in shared memory, f32, and in its place d_e as the sum of two values of 16 bits (gemm_half_tensor.h says why).
///
///     8 channels of a pixel, 32 bytes:   e0 e1 e2 e3 e4 e5 e6 e7
///                        and then:       d_e rounded, the rest
///
/// 4 neighbouring lanes share these bytes: all have read e before one writes d_e. A pixel takes 36 words, with which fragments of
/// d_e are read without bank conflicts; those of e are stored in twice the passes.
template <class Half>
struct WideGradients {
    static constexpr int pixel_values = expanded_channels + 4;

    static __device__ __forceinline__ float* e(float* shared, int pixel, int channel) {
        return shared + pixel * pixel_values + channel;
    }
    static __device__ __forceinline__ Half* d_e(float* shared, int pixel, int channel, int term) {
        Half* const eight = reinterpret_cast<Half*>(e(shared, pixel, channel / 8 * 8));
        return eight + term * 8 + channel % 8;
    }
    /// Both terms of a pair.
    static __device__ __forceinline__ void store(float* shared, int pixel, int channel,
                                                 const ChannelPair& values) {
        const unsigned rounded = word_of<Half>(values[0], values[1]);
        ChannelPair rest;
        take_word<Half>(rounded, rest[0], rest[1]);
        VITRINE_UNROLL
        for (int k = 0; k < 2; ++k) rest[k] = values[k] - rest[k];
        *reinterpret_cast<unsigned*>(d_e(shared, pixel, channel, 0)) = rounded;
        store_lanes(d_e(shared, pixel, channel, 1), rest);
    }

    /// A's fragment of 16 pixels, with k along 16 channels.
    static __device__ __forceinline__ void load_a(float* shared, int pixel, int channel, int term,
                                                  unsigned (&words)[4]) {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        load_matrices(words, d_e(shared, pixel + lane % 16, channel + lane / 16 * 8, term));
    }
    /// … and of 16 channels, with k down 16 pixels.
    static __device__ __forceinline__ void load_turned_a(float* shared, int pixel, int channel, int term,
                                                         unsigned (&words)[4]) {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        load_matrices_transposed(
            words, d_e(shared, pixel + lane / 16 * 8 + lane % 8, channel + lane / 8 % 2 * 8, term));
    }
};

}  // namespace vitrine::VITRINE_GPU
