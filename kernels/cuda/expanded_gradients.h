// What the backward pass of the expanded convolution (expanded_backward.cu) has in shared memory: the tiles, and g and e as they
// lie there.
#pragma once

#include "kernels/cuda/expanded_tiles.h"

namespace vitrine::VITRINE_GPU {

/// A tile of x, and of g, which all the windows that hold its pixels make. Rows and columns of x of a thread begin at a multiple of
/// the stride, with padding 1: pixel i is in tap p of the window (i + 1 − p) / stride. whole_rows: x's rows are so many tiles long,
/// without a rest, and as many as fill threads.
template <int stride_size, bool whole_rows>
struct BackwardTile {
    static constexpr bool whole = whole_rows;
    static constexpr int stride = stride_size;
    static constexpr int thread_rows = stride;
    static constexpr int rows = expanded_slots * thread_rows;
    static constexpr int columns = stride == 1 ? 14 : 8;
    using Input = PixelTile<rows, columns>;

    static bool has_rest(Size2 in) { return in.width % columns != 0 || in.height % thread_rows != 0; }

    /// Windows before a multiple of the stride that hold its pixel.
    static constexpr int before = stride == 1 ? 1 : 0;
    static constexpr int thread_windows = thread_rows / stride + before + 1;  // below one another
    using Output = PixelTile<rows / stride + before + 1, columns / stride + before + 1>;
    using OutputPlace = std::conditional_t<stride == 1, PixelColumn<Output>, PixelList<Output>>;

    /// Whether tap p of a window holds x's pixel i, counted from a thread's first, and of which of the thread's windows.
    static constexpr bool meets(int i, int p) { return (i + 1 - p + expanded_kernel * stride) % stride == 0; }
    static constexpr int window(int i, int p) { return (i + 1 - p + before * stride) / stride; }
};

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
/// A pair of channels takes 8 bytes either way, so that a lane writes where it alone has read:
///
///     8 channels of a pixel, 32 bytes:   e0  e1  e2  e3  e4  e5  e6  e7
///                        and then:       d01 r01 d23 r23 d45 r45 d67 r67     d: two channels rounded, r: what is left of them
///
/// As 16 values the second row is multiplied as it lies, by weights that come twice; turned, its rows are both terms of a channel.
///
/// A pixel takes 40 words, and every other 4 pixels have the halves of their 32 bytes exchanged: so neither pairs of e that a
/// fragment stores nor rows of d_e that ldmatrix reads share banks.
template <class Half>
struct WideGradients {
    static constexpr int pixel_values = expanded_channels + 8;
    /// Channels of a k of 16, both terms of each.
    static constexpr int depth_channels = half_mma_depth / 2;

    /// `eight` is the first of 8 channels, `channel` one of them, even, counted from that.
    static __device__ __forceinline__ float* at(float* shared, int pixel, int eight, int channel) {
        return shared + pixel * pixel_values + eight + (channel ^ (pixel & 4));
    }
    static __device__ __forceinline__ void store_d_e(float* to, const ChannelPair& d_e) {
        const unsigned rounded = word_of<Half>(d_e[0], d_e[1]);
        ChannelPair rest;
        take_word<Half>(rounded, rest[0], rest[1]);
        VITRINE_UNROLL
        for (int k = 0; k < 2; ++k) rest[k] = d_e[k] - rest[k];
        *reinterpret_cast<uint2*>(to) = make_uint2(rounded, word_of<Half>(rest[0], rest[1]));
    }

    /// A's fragment of 16 pixels, with k along both terms of 8 channels.
    static __device__ __forceinline__ void load_a(float* shared, int pixel, int eight, unsigned (&words)[4]) {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        load_matrices(words, reinterpret_cast<Half*>(at(shared, pixel + lane % 16, eight, lane / 16 * 4)));
    }
    /// Which of the 8 channels, counted from the first, k of such a fragment has.
    static __device__ __forceinline__ int channel_of_depth(int k) { return k / 4 * 2 + k % 2; }

    /// A's fragment of both terms of 8 channels, with k down 16 pixels. Rows are 2 channels' d_e, then their rests, and so on.
    static __device__ __forceinline__ void load_turned_a(float* shared, int pixel, int eight,
                                                         unsigned (&words)[4]) {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        load_matrices_transposed(words, reinterpret_cast<Half*>(at(shared, pixel + lane / 16 * 8 + lane % 8,
                                                                   eight, lane / 8 % 2 * 4)));
    }
};

}  // namespace vitrine::VITRINE_GPU
