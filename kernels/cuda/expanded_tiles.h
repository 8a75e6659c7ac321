// What both passes of the expanded convolution by tensor cores have in common: expanded_forward.cu, expanded_backward.cu.
//
// A block of 128 threads works on a tile of an image's pixels and on 32 wide channels, which are a panel in shared memory
// (half_panels.h), as the narrow ones are, of which there are 32 at most:
//
//     a [pixels, narrow]     x through its prologue, rounded to 16 bits; zeros outside the image
//     e [pixels, 32]         = a · expansionᵀ by mma, f32, in the registers of 4 warps: 16 pixels a product
//
// Then a thread has two neighbouring channels, and 16 threads beside it the others; 8 of them below one another share the
// tile's pixels. Such a pair of channels is what a fragment of e holds of a pixel, so that it moves as one.
#pragma once

#include "kernels/cuda/clamp_bounds.h"
#include "kernels/cuda/depthwise_lanes.h"
#include "kernels/cuda/gemm.h"
#include "kernels/cuda/half_panels.h"
#include "kernels/expanded_conv.h"

namespace vitrine::VITRINE_GPU {

constexpr int expanded_threads = 128;
constexpr int expanded_warps = expanded_threads / 32;
/// Wide channels of a block, in pairs, and threads that share the pixels of a pair.
constexpr int expanded_channels = panel_columns;
constexpr int expanded_pairs = expanded_channels / 2;
constexpr int expanded_slots = expanded_threads / expanded_pairs;
/// The depthwise kernel's rows and columns.
constexpr int expanded_kernel = 3;
constexpr int expanded_taps = expanded_kernel * expanded_kernel;
/// Narrow channels at most: one panel.
constexpr int most_narrow_channels = panel_columns;

using ChannelPair = Lanes<float, 2>;

/// A rectangle of an image's pixels, some of which may lie outside.
template <int rows_of_tile, int columns_of_tile>
struct PixelTile {
    static constexpr int rows = rows_of_tile;
    static constexpr int columns = columns_of_tile;
    static constexpr int pixels = rows * columns;
    static constexpr int products = (pixels + 15) / 16;  // mma below one another

    int image;
    int row;     // of the first pixel
    int column;  // likewise
    int height;  // of the image
    int width;

    /// The pixel's number among those of all images; −1 outside.
    __device__ __forceinline__ int operator()(int pixel) const {
        // Not row + pixel / columns: that quotient the compiler would keep in a register for each pixel, for all tiles.
        const int y = (pixel + (row + 1) * columns) / columns - 1;
        const int x = column + pixel - (y - row) * columns;
        const bool inside = pixel < pixels && y >= 0 && y < height && x >= 0 && x < width;
        return inside ? (image * height + y) * width + x : -1;
    }
};

/// What both passes read, and how large it is.
template <class Half>
struct ExpandedOperands {
    PrologueSource<Pack<Half>, Half> x;
    const Half* expansion;  // [channels, narrow]
    PrologueOn<float> prologue;
    ClampBounds<float> clamp;  // the prologue's
    const Half* weight;        // [3, 3, channels]
    int narrow;
    int channels;
    int in_height;
    int in_width;
    int out_height;
    int out_width;

    template <class Args>
    explicit ExpandedOperands(const Args& args)
        : x(args.x, args.narrow_prologue),
          expansion(static_cast<const Half*>(args.expansion)),
          prologue(args.prologue),
          clamp(args.prologue.activation),
          weight(static_cast<const Half*>(args.weight)),
          narrow(static_cast<int>(args.narrow)),
          channels(static_cast<int>(args.shape.in_channels)),
          in_height(static_cast<int>(args.shape.in.height)),
          in_width(static_cast<int>(args.shape.in.width)),
          out_height(static_cast<int>(args.shape.out().height)),
          out_width(static_cast<int>(args.shape.out().width)) {}
};

/// How the tiles of all images are shared out: `chunks` runs of tiles.
struct TilePlan {
    int down;  // tiles of an image
    int across;
    int tiles;  // of all images
    int tiles_of_chunk;
    int chunks;

    TilePlan(Size2 extent, int64_t batch, Size2 tile, int64_t chunks_wanted)
        : down(static_cast<int>(divide_up(extent.height, tile.height))),
          across(static_cast<int>(divide_up(extent.width, tile.width))),
          tiles(static_cast<int>(batch) * down * across),
          tiles_of_chunk(static_cast<int>(divide_up(int64_t{tiles}, std::max<int64_t>(1, chunks_wanted)))),
          chunks(tiles == 0 ? 0 : divide_up(tiles, tiles_of_chunk)) {}
};

/// Tile `number` of a plan: whose, and which of the image's.
struct TilePlace {
    int image;
    int down;
    int across;

    __device__ __forceinline__ TilePlace(const TilePlan& plan, int number) {
        image = number / (plan.down * plan.across);
        const int of_image = number - image * plan.down * plan.across;
        down = of_image / plan.across;
        across = of_image - down * plan.across;
    }
};

/// Where a thread stands among its block's 32 channels, and which of a pair's threads it is.
struct PairPlace {
    int pair = static_cast<int>(threadIdx.x) % expanded_pairs;
    int slot = static_cast<int>(threadIdx.x) / expanded_pairs;
};

/// Shared memory of a block. A function of the size alone, so that kernels that need as much share the variable
/// (kernels/simt/README.md says what each costs there).
template <size_t bytes>
__device__ __forceinline__ unsigned char* expanded_bytes() {
    alignas(16) __shared__ unsigned char memory[bytes];
    return memory;
}
template <class Shared>
__device__ __forceinline__ Shared& expanded_memory() {
    return *reinterpret_cast<Shared*>(expanded_bytes<sizeof(Shared)>());
}

/// x through its prologue, in shared memory.
template <class Half, class Tile>
struct NarrowTile {
    using V = Pack<Half>;
    using Source = PrologueSource<V, Half>;
    using Panel = HalfPanels<Half, Tile::products * 16, panel_columns>;
    using Place = PackPlace<1, expanded_threads>;
    static constexpr int count = Panel::count;  // in floats

    static __device__ __forceinline__ void load(const Source& source, const Tile& tile, int narrow,
                                                float* shared) {
        constexpr int loads = (Tile::products * 16 + Place::rows_at_once - 1) / Place::rows_at_once;
        constexpr int at_once = 3;
        const Place place;
        const bool inside = place.column < narrow;
        typename Source::Channel channel{};
        if (inside) channel = source.channel(place.column);
        for (int first = 0; first < loads; first += at_once) {
            typename Source::Raw raw[at_once];
            int pixels[at_once];
            VITRINE_UNROLL
            for (int i = 0; i < at_once; ++i) {
                pixels[i] = inside ? tile(place.row + (first + i) * Place::rows_at_once) : -1;
                raw[i] = {};
                if (pixels[i] >= 0) raw[i] = source.fetch(pixels[i] * narrow + place.column);
            }
            VITRINE_UNROLL
            for (int i = 0; i < at_once; ++i) {
                const int row = place.row + (first + i) * Place::rows_at_once;
                V a{};
                if (pixels[i] >= 0) a = source.finish(channel, raw[i]);
                if (row < Tile::products * 16) Panel::store(shared, row, place.column, a);
            }
        }
    }
};

/// The expansion of a block's channels in shared memory, [channels, narrow]: zeros beyond either.
template <class Half>
struct ExpansionPanel {
    using M = Mma<Half, half_mma_depth>;
    using Panel = HalfPanels<Half, expanded_channels, panel_columns>;
    static constexpr int count = Panel::count;  // in floats
    static constexpr int tiles = expanded_channels / M::columns;

    /// weights [channels, narrow], from `first_channel` on. A barrier must follow.
    static __device__ __forceinline__ void load(const Half* weights, int first_channel, int channels,
                                                int narrow, float* shared) {
        const PackPlace<1, expanded_threads> place;
        static_assert(place.rows_at_once == expanded_channels);
        const int channel = first_channel + place.row;
        const bool inside = channel < channels && place.column < narrow;
        copy_async<16>(Panel::at(shared, place.row, place.column),
                       inside ? weights + channel * narrow + place.column : weights, inside);
        commit_copies();
        wait_copies<0>();
    }

    /// e of 16 pixels, those from `row` on of `a`.
    template <class Narrow>
    static __device__ __forceinline__ void expand(const float* expansion, float* a, int row, int narrow,
                                                  FragmentC (&e)[tiles]) {
        VITRINE_UNROLL
        for (int k = 0; k < most_narrow_channels; k += M::k) {
            if (k >= narrow) break;
            FragmentA<M> pixels;
            Narrow::Panel::load_a(a, row, k, pixels.words);
            VITRINE_UNROLL
            for (int tile = 0; tile < tiles; tile += 2) {
                unsigned words[4];
                Panel::Lines::load_two_b(expansion, tile * M::columns, k, words);
                multiply_matrices(e[tile], pixels, FragmentB<M>{{words[0], words[1]}});
                multiply_matrices(e[tile + 1], pixels, FragmentB<M>{{words[2], words[3]}});
            }
        }
    }
};

}  // namespace vitrine::VITRINE_GPU
