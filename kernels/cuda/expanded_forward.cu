// The expanded convolution forward, 16-bit values, by tensor cores: e is made, convolved and forgotten in shared memory.
//
// A block has 32 wide channels and walks over tiles of y, of 8 × 14 pixels (at stride 2 of 4 × 14). For each it makes e of all
// pixels of x that the tile's windows reach:
//
//     x ──▶ a [10 × 16 pixels, narrow]     through its prologue, 16 bits, shared memory
//       ──▶ e = a · expansionᵀ             by mma, f32, in registers
//       ──▶ b [10 × 16 pixels, 32]         = activation(scale · e + shift), 0 outside the image; 16 bits, shared memory
//       ──▶ y                              9 multiply-adds an element of f32, and its moments beside
//
// e is rounded once, as b, where the separate convolution rounds it as e. So each element of y costs what it costs there, and e
// its product on tensor cores, which is nothing beside: of the bytes, pixels · channels · 2 are not written and not
// read again.
//
// What two tiles share is made twice: at stride 1 10 · 16 / (8 · 14) = 1.43 times the products and prologues, at stride 2
// 9 · 29 / (8 · 28) = 1.17 times. x is asked for as often, and once more for each 32 channels; from memory it comes once.
//
// Bytes, at least: 2 · (in pixels · narrow + out pixels · channels). FLOPs: 2 · in pixels · narrow · channels on tensor
// cores, 18 · out pixels · channels.
//
// Bank conflicts: a pixel of b takes 20 words, 16 and 4 that nobody uses, so that the 8 pixels of a fragment lie in
// different banks; a row of the tile takes a few pixels more than it has, so that the two rows that a warp reads at once do
// too.
//
// The moments: a thread's means and squares about them of one tile after the other, joined by Chan's formula, then those of
// the block's threads, then the blocks'.

#include "kernels/cuda/expanded_conv.h"
#include "kernels/cuda/expanded_tiles.h"
#include "kernels/cuda/expanded_windows.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int forward_columns = 14;

/// A tile of y, and of b, which its windows reach. usual_operands: y's rows are so many tiles long, without a rest, and x's prologue is
/// linear, so that the code for a rest and for an activation is spared.
template <int stride_size, bool usual_operands>
struct ForwardTile {
    static constexpr bool usual = usual_operands;
    static constexpr int stride = stride_size;
    static constexpr int rows = stride == 1 ? 8 : 4;
    static constexpr int columns = forward_columns;
    static constexpr int thread_columns = columns * rows / expanded_slots;
    static constexpr int input_columns = (columns - 1) * stride + expanded_kernel;
    using Input =
        PixelTile<(rows - 1) * stride + expanded_kernel, input_columns, divide_up(input_columns, 16) * 16>;
    /// Of b in shared memory: a row in pixels, a pixel in values.
    static constexpr int row_pixels = stride == 1 ? 20 : 30;
    static constexpr int pixel_values = expanded_channels + 8;
    static constexpr int values = Input::rows * row_pixels * pixel_values;
    static_assert(row_pixels >= Input::columns && rows * columns % expanded_slots == 0);
};

template <class Half, class Source>
struct ExpandedForwardTask : ExpandedOperands<Half, Source> {
    Half* y;
    LastMoments<float> moments;
    TilePlan plan;
    int groups;  // of 32 channels
};

template <class Half, class Tile, class Narrow>
struct ExpandedForwardShared {
    GemmShared<float, ExpansionPanel<Half>::count> expansion;
    GemmShared<float, Narrow::count + Narrow::lines_count> a;
    GemmShared<float, Tile::values / 2> b;
};

/// Count, mean and Σ (y − mean)² of a pair of channels.
struct PairMoments {
    float count = 0;
    ChannelPair mean{};
    ChannelPair m2{};

    /// Of the first `more` of `values`: all of them?
    template <bool all, int count_of_values>
    __device__ __forceinline__ void add(const ChannelPair (&values)[count_of_values], int more) {
        if (!all && more <= 0) return;
        const float total = count + static_cast<float>(more);
        const float share = static_cast<float>(more) / total;
        const float part = 1.0F / static_cast<float>(more);
        VITRINE_UNROLL
        for (int k = 0; k < 2; ++k) {
            float sum = 0;
            VITRINE_UNROLL
            for (int i = 0; i < count_of_values; ++i) sum += all || i < more ? values[i][k] : 0.0F;
            const float their_mean = sum * part;
            float squares = 0;
            VITRINE_UNROLL
            for (int i = 0; i < count_of_values; ++i) {
                const float apart = all || i < more ? values[i][k] - their_mean : 0.0F;
                squares = multiply_add(apart, apart, squares);
            }
            const float distance = their_mean - mean[k];
            mean[k] = multiply_add(distance, share, mean[k]);
            m2[k] = multiply_add(distance * distance, count * share, m2[k] + squares);
        }
        count = total;
    }
};

/// Narrow: NarrowTile or WindowTile.
template <class Half, class Tile, class Narrow>
class ExpandedForwardThread {
    using Input = typename Tile::Input;
    using Expansion = ExpansionPanel<Half>;

  public:
    using Task = ExpandedForwardTask<Half, typename Narrow::Source>;
    using Shared = ExpandedForwardShared<Half, Tile, Narrow>;

    __device__ __forceinline__ ExpandedForwardThread(const Task& task, Shared& shared)
        : task_(task),
          expansion_(shared.expansion.values),
          a_(shared.a.values),
          b_(reinterpret_cast<Half*>(shared.b.values)),
          group_(static_cast<int>(blockIdx.x) % task.groups),
          chunk_(static_cast<int>(blockIdx.x) / task.groups),
          first_channel_(group_ * expanded_channels) {
        Narrow::load_weights(task.expansion, first_channel_, task.channels, task.narrow, expansion_);
        Narrow::clear(a_);
        Narrow::prepare(task.x, task.narrow, a_ + Narrow::count);
        VITRINE_UNROLL
        for (int tap = 0; tap < expanded_taps; ++tap) {
            weight_[tap] = {};
            if (channel() < task.channels)
                weight_[tap] = load_lanes<2>(task.weight + tap * task.channels + channel());
        }
        VITRINE_UNROLL
        for (int tile = 0; tile < Expansion::tiles; ++tile) {
            VITRINE_UNROLL
            for (int k = 0; k < 2; ++k) {
                const int of_e = first_channel_ + fragment_channel(tile) + k;
                const bool there = task.prologue.scale != nullptr && of_e < task.channels;
                scale_[tile][k] = there ? task.prologue.scale[of_e] : 1.0F;
                shift_[tile][k] = there ? task.prologue.shift[of_e] : 0.0F;
            }
        }
    }

    __device__ __forceinline__ void run() {
        const int first = chunk_ * task_.plan.tiles_of_chunk;
        const int end = min(first + task_.plan.tiles_of_chunk, task_.plan.tiles);
        TilePlace tile(task_.plan, first);
        if constexpr (Tile::usual && Narrow::has_gradient) __syncthreads();
        for (int number = first; number < end; ++number, tile.advance(task_.plan)) {
            const int row = tile.down * Tile::rows, column = tile.across * Tile::columns;
            const Input input{tile.image, row * Tile::stride - 1, column * Tile::stride - 1, task_.in_height,
                              task_.in_width};
            Narrow::load(task_.x, input, task_.narrow, a_, a_ + Narrow::count);
            __syncthreads();
            make_b(input);
            __syncthreads();
            convolve(tile.image, row, column);
        }
        if (task_.moments.partials != nullptr) leave_moments();
    }

  private:
    static constexpr unsigned products_of_row = Input::pitch / 16;
    static_assert(Input::pitch % 16 == 0);

    __device__ __forceinline__ int channel() const { return first_channel_ + place_.pair * 2; }
    /// The first of the two channels that the lane has of a tile of e.
    __device__ __forceinline__ int fragment_channel(int tile) const {
        return tile * Expansion::M::columns + fragment_.c_column(0);
    }

    __device__ __forceinline__ void make_b(const Input& input) {
        // Below the image nobody asks for more than a row, of zeros.
        const int rows = min(Input::rows, input.height + 1 - input.row);
        const int products = rows * static_cast<int>(products_of_row);
        for (int product = static_cast<int>(threadIdx.x) / 32; product < products;
             product += expanded_warps) {
            FragmentC e[1][Expansion::tiles];
            Expansion::template expand<Narrow>(expansion_, a_, {product * 16}, task_.narrow, e);
            VITRINE_UNROLL
            for (int lower = 0; lower < 2; ++lower) {
                const unsigned column = static_cast<unsigned>(product) % products_of_row * 16 +
                                        static_cast<unsigned>(fragment_.c_row(2 * lower));
                put_pixel(input, static_cast<unsigned>(product) / products_of_row, column, e[0], lower);
            }
        }
    }
    __device__ __forceinline__ void put_pixel(const Input& input, unsigned row, unsigned column,
                                              const FragmentC (&e)[Expansion::tiles], int lower) {
        if (column >= Input::columns) return;
        const bool inside = input.inside(row, column);
        Half* const to = b_ + (row * Tile::row_pixels + column) * Tile::pixel_values;
        VITRINE_UNROLL
        for (int tile = 0; tile < Expansion::tiles; ++tile) {
            const float* const two = e[tile].values + 2 * lower;
            const unsigned b = task_.half_clamp.word(multiply_add(scale_[tile][0], two[0], shift_[tile][0]),
                                                     multiply_add(scale_[tile][1], two[1], shift_[tile][1]));
            *reinterpret_cast<unsigned*>(to + fragment_channel(tile)) = inside ? b : 0;
        }
    }

    /// y of the thread's pixels, which are neighbours in a row. Threads of a warp have two rows below one another.
    __device__ __forceinline__ void convolve(int image, int first_row, int first_column) {
        const int local_row = place_.slot % Tile::rows;
        const int local_column = place_.slot / Tile::rows * Tile::thread_columns;
        const int row = first_row + local_row, column = first_column + local_column;
        if (row >= task_.out_height || channel() >= task_.channels) return;
        constexpr int reach = (Tile::thread_columns - 1) * Tile::stride + expanded_kernel;
        ChannelPair y[Tile::thread_columns] = {};
        VITRINE_UNROLL
        for (int p = 0; p < expanded_kernel; ++p) {
            const Half* const b =
                b_ +
                ((local_row * Tile::stride + p) * Tile::row_pixels + local_column * Tile::stride) *
                    Tile::pixel_values +
                place_.pair * 2;
            VITRINE_UNROLL
            for (int j = 0; j < reach; ++j) meet(p, j, load_lanes<2>(b + j * Tile::pixel_values), y);
        }
        Half* const to = task_.y +
                         ((image * task_.out_height + row) * task_.out_width + column) * task_.channels +
                         channel();
        const int valid = task_.out_width - column;
        if (Tile::usual || valid >= Tile::thread_columns)
            put_outputs<true>(to, y, Tile::thread_columns);
        else
            put_outputs<false>(to, y, valid);
    }
    /// The first `valid` of the thread's y: all of them?
    template <bool all>
    __device__ __forceinline__ void put_outputs(Half* to, const ChannelPair (&y)[Tile::thread_columns],
                                                int valid) {
        VITRINE_UNROLL
        for (int i = 0; i < Tile::thread_columns; ++i) {
            if (all || i < valid) store_lanes(to + i * task_.channels, y[i]);
        }
        if (task_.moments.partials != nullptr) moments_.template add<all>(y, valid);
    }

    /// Pixel j of row p of what the thread's windows reach, in all windows that hold it.
    __device__ __forceinline__ void meet(int p, int j, const ChannelPair& b,
                                         ChannelPair (&y)[Tile::thread_columns]) const {
        VITRINE_UNROLL
        for (int q = 0; q < expanded_kernel; ++q) {
            const int i = (j - q) / Tile::stride;
            if (j < q || (j - q) % Tile::stride != 0 || i >= Tile::thread_columns) continue;
            VITRINE_UNROLL
            for (int k = 0; k < 2; ++k)
                y[i][k] = multiply_add(weight_[p * expanded_kernel + q][k], b[k], y[i][k]);
        }
    }

    /// Joins the moments of the block's threads and leaves them as the chunk's part.
    __device__ __forceinline__ void leave_moments() {
        // [slots, channels], likewise the others. Since the last tile's barriers nobody reads a.
        float* const counts = a_;
        float* const means = counts + expanded_slots * expanded_channels;
        float* const squares = means + expanded_slots * expanded_channels;
        static_assert(3 * expanded_slots * expanded_channels <= Narrow::count);
        const int mine = place_.slot * expanded_channels + place_.pair * 2;
        store_lanes(counts + mine, all_lanes<float, 2>(moments_.count));
        store_lanes(means + mine, moments_.mean);
        store_lanes(squares + mine, moments_.m2);
        __syncthreads();
        const int me = static_cast<int>(threadIdx.x);
        const ChannelTile tile{group_, first_channel_,
                               min(expanded_channels, task_.channels - first_channel_)};
        if (me < tile.channels) {
            Moments<float> all;
            for (int slot = 0; slot < expanded_slots; ++slot) {
                const int at = slot * expanded_channels + me;
                all.merge(counts[at], means[at], squares[at]);
            }
            float* const to =
                task_.moments.partials + int64_t{3} * chunk_ * task_.channels + first_channel_ + me;
            to[0] = all.count;
            to[task_.channels] = all.mean;
            to[2 * task_.channels] = all.m2;
        }
        task_.moments.template finish<expanded_threads>(chunk_, tile, a_);
    }

    const Task& task_;
    float* const expansion_;
    float* const a_;
    Half* const b_;
    const PairPlace place_;
    const FragmentPlace fragment_;
    const int group_;
    const int chunk_;
    const int first_channel_;
    ChannelPair scale_[Expansion::tiles];
    ChannelPair shift_[Expansion::tiles];
    ChannelPair weight_[expanded_taps];
    PairMoments moments_;
};

template <class Half, class Tile, class Narrow>
__global__ void __launch_bounds__(expanded_threads, 4)
    expanded_forward(ExpandedForwardTask<Half, typename Narrow::Source> task) {
    using Thread = ExpandedForwardThread<Half, Tile, Narrow>;
    Thread(task, block_memory<typename Thread::Shared>()).run();
}

template <class Half, class Tile, class Narrow>
void run(const ExpandedConvForward& args, Context& context) {
    using Source = typename Narrow::Source;
    const ConvShape& shape = args.shape;
    constexpr int64_t blocks_wanted = 1024;
    const int64_t groups = divide_up(shape.in_channels, int64_t{expanded_channels});
    if (groups == 0) return;
    const TilePlan plan(shape.out(), shape.batch, {Tile::rows, Tile::columns}, blocks_wanted / groups);
    if (plan.tiles == 0) return;
    LastMoments<float> moments;
    if (!args.epilogue.plain()) moments = {plan.chunks, groups, shape.in_channels, args.epilogue, context};
    launch(expanded_forward<Half, Tile, Narrow>, blocks_for(plan.chunks * groups, 1), expanded_threads, 0,
           stream(),
           ExpandedForwardTask<Half, Source>{ExpandedOperands<Half, Source>(args), static_cast<Half*>(args.y),
                                             moments, plan, static_cast<int>(groups)});
}

template <class Half, class Tile, int most>
using ForwardNarrow = NarrowTile<Half, typename Tile::Input, most, Tile::usual>;

/// Of tiles with these extents. x of few channels occurs before a stride of 2.
template <class Half, class Close, class Apart>
void run_tiles(const ExpandedConvForward& args, Context& context) {
    if (args.windows.there()) return run<Half, Close, WindowTile<Half, typename Close::Input>>(args, context);
    if (args.shape.stride.height == 1)
        return run<Half, Close, ForwardNarrow<Half, Close, most_narrow_channels>>(args, context);
    if (args.narrow <= few_narrow_channels)
        return run<Half, Apart, ForwardNarrow<Half, Apart, few_narrow_channels>>(args, context);
    run<Half, Apart, ForwardNarrow<Half, Apart, most_narrow_channels>>(args, context);
}

}  // namespace

void expanded_forward_tiles(const ExpandedConvForward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() {
        if constexpr (is_half_type<T>) {
            const bool linear = args.narrow_prologue.activation == Activation::identity;
            if (linear && args.shape.out().width % forward_columns == 0)
                run_tiles<T, ForwardTile<1, true>, ForwardTile<2, true>>(args, context);
            else
                run_tiles<T, ForwardTile<1, false>, ForwardTile<2, false>>(args, context);
        }
    });
}

}  // namespace vitrine::VITRINE_GPU
