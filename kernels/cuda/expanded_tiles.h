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
/// Narrow channels at most: one panel. And where there are so few, one product is as deep as they are.
constexpr int most_narrow_channels = panel_columns;
constexpr int few_narrow_channels = half_mma_depth;

using ChannelPair = Lanes<float, 2>;
__device__ __forceinline__ void add_pair(ChannelPair& sums, const ChannelPair& more) {
    VITRINE_UNROLL
    for (int k = 0; k < 2; ++k) sums[k] += more[k];
}

/// A rectangle of an image's pixels, some of which may lie outside. They are numbered row by row, `pitch` to a row, of which the
/// last may be none of the tile's.
template <int rows_of_tile, int columns_of_tile, int pitch_of_tile = columns_of_tile>
struct PixelTile {
    static constexpr int rows = rows_of_tile;
    static constexpr int columns = columns_of_tile;
    static constexpr int pitch = pitch_of_tile;
    static constexpr int pixels = rows * pitch;
    static constexpr int products = pixels / 16;  // mma below one another

    int image;
    int row;     // of the first pixel
    int column;  // likewise
    int height;  // of the image
    int width;

    /// Whether a pixel of the tile, in this row and column of it, is one of the image.
    __device__ __forceinline__ bool inside(unsigned local_row, unsigned local_column) const {
        return static_cast<unsigned>(row) + local_row < static_cast<unsigned>(height) &&
               static_cast<unsigned>(column) + local_column < static_cast<unsigned>(width);
    }
    /// The pixel's number among those of all images; −1 outside.
    __device__ __forceinline__ int operator()(int pixel) const {
        // Not row + pixel / columns: that quotient the compiler would keep in a register for each pixel, for all tiles.
        static_assert(pitch == columns);
        const int y = (pixel + (row + 1) * columns) / columns - 1;
        const int x = column + pixel - (y - row) * columns;
        const bool inside = pixel < pixels && y >= 0 && y < height && x >= 0 && x < width;
        return inside ? (image * height + y) * width + x : -1;
    }
};

/// A tile's pixels as a thread loads them, 8 channels each: `packs` threads share one, 4 of them or 2, and 32 or 64 pixels are loaded
/// at once, in rows of a power of two, so that a thread stays in its column.
template <class Tile, int packs = expanded_channels / 8>
struct PixelColumn {
    static constexpr int places = Tile::columns > 16 ? 32 : Tile::columns > 8 ? 16 : 8;
    static constexpr int rows_at_once = expanded_threads / packs / places;
    static constexpr int loads = (Tile::rows + rows_at_once - 1) / rows_at_once;
    static constexpr bool whole_rows = Tile::columns == places;
    static_assert(Tile::columns <= places);

    int local_channel = static_cast<int>(threadIdx.x) % packs * 8;  // the first of the thread's
    int column = static_cast<int>(threadIdx.x) / packs % places;
    int row = static_cast<int>(threadIdx.x) / packs / places;  // of the first load
    int channel;  // of all: the first once more where the thread's would be beyond the last

    /// Of images [pixels, channels], packs · 8 channels from `first_channel` on.
    __device__ __forceinline__ PixelColumn(const Tile& tile, int first_channel, int channels)
        : y_(tile.row + row),
          last_row_(min(tile.height, tile.row + Tile::rows) - 1),
          row_length_(tile.width * channels) {
        const int x = tile.column + (whole_rows ? column : min(column, Tile::columns - 1)),
                  mine = first_channel + local_channel;
        inside_ = mine < channels && (whole_rows || column < Tile::columns) &&
                  static_cast<unsigned>(x) < static_cast<unsigned>(tile.width);
        channel = mine < channels ? mine : 0;
        first_ =
            (tile.image * tile.height * tile.width + min(max(x, 0), tile.width - 1)) * channels + channel;
    }

    /// Whether the tile has load i.
    __device__ __forceinline__ bool in_tile(int i) const {
        return (whole_rows || column < Tile::columns) &&
               (Tile::rows % rows_at_once == 0 || row + i * rows_at_once < Tile::rows);
    }
    /// Whether it has a place among the tile's, whose rows may be longer than the tile.
    __device__ __forceinline__ bool in_panel(int i) const {
        const bool whole = (i + 1) * rows_at_once <= Tile::rows;
        return (Tile::pitch >= places || column < Tile::pitch) &&
               (whole || row + i * rows_at_once < Tile::rows);
    }
    /// Whether the image has it as well.
    __device__ __forceinline__ bool inside(int i) const {
        return inside_ && static_cast<unsigned>(y_ + i * rows_at_once) <= static_cast<unsigned>(last_row_);
    }
    /// Where it lies. In place of what is not inside the nearest is read, and left out: that spares a branch.
    __device__ __forceinline__ int index(int i) const {
        return first_ + min(max(y_ + i * rows_at_once, 0), last_row_) * row_length_;
    }
    __device__ __forceinline__ int row_of(int i) const { return row + i * rows_at_once; }
    __device__ __forceinline__ int column_of(int) const { return column; }
    /// Its pixel's number in the tile.
    static __device__ __forceinline__ int pixel(int i) {
        // Without signs, which makes it cheap enough to be found anew for each tile instead of kept in a register.
        const unsigned first = threadIdx.x / packs / places * Tile::pitch + threadIdx.x / packs % places;
        return static_cast<int>(first) + i * rows_at_once * Tile::pitch;
    }

  private:
    int y_;
    int last_row_;
    int row_length_;
    int first_;
    bool inside_;
};

/// The same of a tile whose rows are far from a power of two: its pixels as they are numbered, 32 at once.
template <class Tile>
struct PixelList {
    static constexpr int packs = expanded_channels / 8;
    static constexpr int at_once = expanded_threads / packs;
    static constexpr int loads = (Tile::pixels + at_once - 1) / at_once;

    int local_channel = static_cast<int>(threadIdx.x) % packs * 8;  // the first of the thread's
    int channel;  // of all: the first once more where the thread's would be beyond the last

    __device__ __forceinline__ PixelList(const Tile& tile, int first_channel, int channels)
        : tile_(tile), channels_(channels) {
        const int mine = first_channel + local_channel;
        inside_ = mine < channels;
        channel = inside_ ? mine : 0;
    }

    __device__ __forceinline__ bool in_tile(int i) const {
        return Tile::pixels % at_once == 0 || pixel(i) < Tile::pixels;
    }
    __device__ __forceinline__ bool inside(int i) const { return inside_ && image_pixel(i) >= 0; }
    /// Of what is not inside the first pixel is read, and left out.
    __device__ __forceinline__ int index(int i) const { return max(image_pixel(i), 0) * channels_ + channel; }
    static __device__ __forceinline__ int row_of(int i) { return pixel(i) / Tile::columns; }
    static __device__ __forceinline__ int column_of(int i) { return pixel(i) % Tile::columns; }

  private:
    static __device__ __forceinline__ int pixel(int i) {
        return static_cast<int>(threadIdx.x / packs) + i * at_once;
    }
    __device__ __forceinline__ int image_pixel(int i) const { return tile_(pixel(i)); }

    const Tile& tile_;
    int channels_;
    bool inside_;
};

/// x as it is, a pixel of it for each of e.
template <class Half>
struct NarrowPixels : PrologueSource<Pack<Half>, Half> {
    template <class Args>
    explicit NarrowPixels(const Args& args)
        : PrologueSource<Pack<Half>, Half>(args.x, args.narrow_prologue) {}

    /// Of a's panel, those that are used.
    template <class Args>
    static int columns(const Args& args) {
        return static_cast<int>(args.narrow);
    }
};

/// What both passes read, and how large it is. Source: NarrowPixels, or the windows of expanded_windows.h.
template <class Half, class Source>
struct ExpandedOperands {
    Source x;
    const Half* expansion;  // [channels, narrow]
    PrologueOn<float> prologue;
    ClampBounds<float> clamp;  // the prologue's
    HalfClampBounds<Half> half_clamp;
    const Half* weight;  // [3, 3, channels]
    int narrow;
    int channels;
    int in_height;
    int in_width;
    int out_height;
    int out_width;

    template <class Args>
    explicit ExpandedOperands(const Args& args)
        : x(args),
          expansion(static_cast<const Half*>(args.expansion)),
          prologue(args.prologue),
          clamp(args.prologue.activation),
          half_clamp(args.prologue.activation),
          weight(static_cast<const Half*>(args.weight)),
          narrow(Source::columns(args)),
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

/// A tile of a plan: whose, and which of the image's.
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
    /// On to the next: a GPU has no division of integers.
    __device__ __forceinline__ void advance(const TilePlan& plan) {
        if (++across < plan.across) return;
        across = 0;
        if (++down < plan.down) return;
        down = 0;
        ++image;
    }
};

/// Where a thread stands among its block's 32 channels, and which of a pair's threads it is.
struct PairPlace {
    int pair = static_cast<int>(threadIdx.x) % expanded_pairs;
    int slot = static_cast<int>(threadIdx.x) / expanded_pairs;
};

/// x through its prologue, in shared memory. most_channels: that x may have, 16 or 32; with 16 a block loads twice as many pixels at
/// once, and multiplies half as much. linear: the prologue has no activation, and its scale and shift are in shared memory as well.
template <class Half, class Tile, int most_channels = most_narrow_channels, bool linear = false>
struct NarrowTile {
    using Source = NarrowPixels<Half>;
    using V = Pack<Half>;
    static constexpr bool has_gradient = true;
    static constexpr int most = most_channels;
    static constexpr int packs = most / 8;
    using Panel = HalfPanels<Half, Tile::products * 16, panel_columns>;
    using Place = PixelColumn<Tile, packs>;
    static constexpr int count = Panel::count;                 // in floats
    static constexpr int lines_count = linear ? 2 * most : 0;  // of memory that load() needs besides

    /// Zeros, which stay where the tile has no pixel and behind the last narrow channel: each thread's where it will load.
    static __device__ __forceinline__ void clear(float* shared) {
        constexpr unsigned places = Place::places;
        const unsigned column = threadIdx.x / packs % places, row = threadIdx.x / packs / places;
        VITRINE_UNROLL
        for (unsigned i = 0; i < Place::loads; ++i) {
            if (column < Tile::pitch && row + i * Place::rows_at_once < Tile::rows)
                Panel::store(shared, Place::pixel(static_cast<int>(i)),
                             static_cast<int>(threadIdx.x % packs * 8), HalfWords<8>{});
        }
    }
    /// Before the first load. Linear: leaves scale and shift in its memory, and a barrier must follow.
    static __device__ __forceinline__ void prepare(const Source& source, int narrow, float* memory) {
        const int first = static_cast<int>(threadIdx.x) * V::size;
        if (!linear || first >= narrow) return;
        const typename Source::Channel channel = source.channel(first);
        store_values(memory + first, channel.scale);
        store_values(memory + most + first, channel.shift);
    }
    /// Of what lies outside the image, where nobody asks for e, it has the nearest pixel's.
    static __device__ __forceinline__ void load(const Source& source, const Tile& tile, int narrow,
                                                float* shared, float* memory) {
        constexpr int at_once = 2;
        const Place place(tile, 0, narrow);
        const int local_channel = static_cast<int>(threadIdx.x % packs * 8);
        const typename Source::Channel channel = channel_of(source, place.channel, memory);
        VITRINE_UNROLL
        for (int first = 0; first < Place::loads; first += at_once) {
            typename Source::Raw raw[at_once];
            VITRINE_UNROLL
            for (int i = 0; i < at_once && first + i < Place::loads; ++i)
                raw[i] = source.fetch(place.index(first + i));
            VITRINE_UNROLL
            for (int i = 0; i < at_once && first + i < Place::loads; ++i) {
                const typename Source::Raw a = rounded(source, channel, raw[i]);
                // Linear, with less to ask: what is more than the tile meets nobody.
                const bool has_place = linear ? place.in_panel(first + i) : place.in_tile(first + i);
                if (has_place && local_channel < narrow)
                    Panel::store(shared, Place::pixel(first + i), local_channel, a);
            }
        }
    }

    /// The weights [channels, narrow] of 32 channels from `first_channel` on. A barrier must follow.
    static __device__ __forceinline__ void load_weights(const Half* weights, int first_channel, int channels,
                                                        int narrow, float* shared) {
        using Weights = HalfPanels<Half, expanded_channels, panel_columns>;
        const PackPlace<1, expanded_threads> place;
        static_assert(place.rows_at_once == expanded_channels);
        const int channel = first_channel + place.row;
        const bool inside = channel < channels && place.column < narrow;
        copy_async<16>(Weights::at(shared, place.row, place.column),
                       inside ? weights + channel * narrow + place.column : weights, inside);
        commit_copies();
        wait_copies<0>();
    }

  private:
    static __device__ __forceinline__ typename Source::Channel channel_of(const Source& source, int channel,
                                                                          const float* memory) {
        if constexpr (!linear) return source.channel(channel);
        return {load_values<V>(memory + channel), load_values<V>(memory + most + channel)};
    }
    static __device__ __forceinline__ typename Source::Raw rounded(const Source& source,
                                                                   const typename Source::Channel& channel,
                                                                   const typename Source::Raw& raw) {
        if constexpr (!linear) return source.finish_rounded(channel, raw);
        const V v = source.before_clamp(channel, raw);
        typename Source::Raw a;
        VITRINE_UNROLL
        for (int i = 0; i < V::size; i += 2) a.word[i / 2] = word_of<Half>(v[i], v[i + 1]);
        return a;
    }
};

/// The expansion of a block's channels in shared memory, [channels, narrow]: zeros beyond either.
template <class Half>
struct ExpansionPanel {
    using M = Mma<Half, half_mma_depth>;
    using Panel = HalfPanels<Half, expanded_channels, panel_columns>;
    static constexpr int count = Panel::count;  // in floats
    static constexpr int tiles = expanded_channels / M::columns;

    /// e = a · expansionᵀ of 16 pixels each, from these rows of `a` on.
    template <class Narrow, int products>
    static __device__ __forceinline__ void expand(const float* expansion, float* a,
                                                  const int (&rows)[products], int narrow,
                                                  FragmentC (&e)[products][tiles]) {
        VITRINE_UNROLL
        for (FragmentC(&of_pixels)[tiles] : e) {
            VITRINE_UNROLL
            for (FragmentC& tile : of_pixels) tile = {};
        }
        // The first step is without a question, so that it begins with zeros that take no registers.
        add_step<Narrow>(expansion, a, rows, 0, e);
        static_assert(Narrow::most <= 2 * M::k);
        if (Narrow::most > M::k && narrow > M::k) add_step<Narrow>(expansion, a, rows, M::k, e);
    }

  private:
    /// e += a · expansionᵀ of the narrow channels from k on.
    template <class Narrow, int products>
    static __device__ __forceinline__ void add_step(const float* expansion, float* a,
                                                    const int (&rows)[products], int k,
                                                    FragmentC (&e)[products][tiles]) {
        FragmentA<M> pixels[products];
        VITRINE_UNROLL
        for (int i = 0; i < products; ++i) Narrow::Panel::load_a(a, rows[i], k, pixels[i].words);
        VITRINE_UNROLL
        for (int tile = 0; tile < tiles; tile += 2) {
            unsigned words[4];
            Panel::Lines::load_two_b(expansion, tile * M::columns, k, words);
            VITRINE_UNROLL
            for (int i = 0; i < products; ++i) {
                multiply_matrices(e[i][tile], pixels[i], FragmentB<M>{{words[0], words[1]}});
                multiply_matrices(e[i][tile + 1], pixels[i], FragmentB<M>{{words[2], words[3]}});
            }
        }
    }
};

}  // namespace vitrine::VITRINE_GPU
