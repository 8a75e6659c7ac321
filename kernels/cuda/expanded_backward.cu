// The expanded convolution backward, 16-bit values, by tensor cores: e is made once more, and d_e lives as briefly.
//
// A block walks over tiles of x: 8 × 14 pixels, at stride 2 16 × 8. For each, and 32 wide channels after the other:
//
//     a [pixels, narrow]        x through its prologue, once for all channels
//     g [windows, 32]           d_y through the epilogue, of all windows that hold a pixel of the tile; f32
//     e [pixels, 32]            = a · expansionᵀ by mma; f32
//     d_u                       = activation'(u) · Σ_taps weight · g, u = scale · e + shift; a thread has two channels and a
//                                 row of pixels (at stride 2 two), and keeps the sums of them that d_weight, d_scale
//                                 and d_shift are made of
//     d_e [pixels, 32]          = scale · d_u, in the place of e, as the sum of two values of 16 bits
//     d_a [pixels, narrow]      += d_e · expansion by mma, in registers until all channels have been there
//     d_expansion [32, narrow]  = d_eᵀ · a by mma
//
// The sums of a chunk of tiles are in memory, in a part of the block's own: 19 numbers to 43 a channel. The parts are added up in
// their order.
//
// Bytes, at least: 2 · (2 · in pixels · narrow + 2 · out pixels · channels), d_x in f32 where it is wide; g of the windows that
// two tiles share is read twice: at stride 1 10 · 16 / (8 · 14) = 1.43 times, at stride 2 9 · 5 / 32 = 1.41 times. FLOPs: 36 · out
// pixels · channels, and on tensor cores 10 · in pixels · narrow · channels, of which 4 are those of the second terms.
//
// Bank conflicts: what the tiles' memory (expanded_gradients.h) says; two rows that a warp writes d_e to at once share banks.

#include "kernels/cuda/expanded_conv.h"
#include "kernels/cuda/expanded_gradients.h"
#include "kernels/cuda/expanded_sums.h"
#include "kernels/cuda/gemm_split.h"
#include "kernels/expanded_separately.h"

namespace vitrine::VITRINE_GPU {
namespace {

template <class Half>
struct ExpandedBackwardTask : ExpandedOperands<Half> {
    OutputGradientSource<Half> g;
    ValuesWriter<Half> d_x;
    ValuesWriter<float> wide_d_x;
    float* expansion_parts;  // [chunks, channels, narrow]
    LastSums<float, PutExpandedSums> sums;
    TilePlan plan;
};

template <class Half, class Tile>
struct ExpandedBackwardShared {
    using Narrow = NarrowTile<Half, typename Tile::Input>;
    static constexpr int of_sums = expanded_slots * pair_sums * expanded_channels;

    GemmShared<float, ExpansionPanel<Half>::count> expansion;
    GemmShared<float, Narrow::count> a;
    GemmShared<float, Tile::Input::products * 16 * WideGradients<Half>::pixel_values> e;  // then d_e
    GemmShared<float, std::max(OutputGradients<Tile>::count, of_sums)> g;  // then the pairs' sums
};

template <class Half, class Tile>
class ExpandedBackwardThread {
    using V = Pack<Half>;
    using M = Mma<Half, half_mma_depth>;
    using Input = typename Tile::Input;
    using Output = typename Tile::Output;
    using Expansion = ExpansionPanel<Half>;
    using G = OutputGradients<Tile>;
    using Wide = WideGradients<Half>;

  public:
    using Task = ExpandedBackwardTask<Half>;
    using Shared = ExpandedBackwardShared<Half, Tile>;

    __device__ __forceinline__ ExpandedBackwardThread(const Task& task, Shared& shared)
        : task_(task),
          expansion_(shared.expansion.values),
          a_(shared.a.values),
          e_(shared.e.values),
          g_(shared.g.values) {}

    __device__ __forceinline__ void run() {
        const int first = chunk_ * task_.plan.tiles_of_chunk;
        const int end = min(first + task_.plan.tiles_of_chunk, task_.plan.tiles);
        for (int number = first; number < end; ++number) {
            const TilePlace tile(task_.plan, number);
            const Input input{tile.image, tile.down * Tile::rows, tile.across * Tile::columns,
                              task_.in_height, task_.in_width};
            const Output output{tile.image, input.row / Tile::stride - Tile::before,
                                input.column / Tile::stride - Tile::before, task_.out_height,
                                task_.out_width};
            Narrow::load(task_.x, input, task_.narrow, a_);
            FragmentC d_a[products_of_warp][narrow_tiles] = {};
            for (int channel = 0; channel < task_.channels; channel += expanded_channels)
                go_through_channels(input, output, channel, number == first, d_a);
            put_input_gradient(input, d_a);
        }
        leave_sums();
    }

  private:
    using Narrow = typename Shared::Narrow;
    static constexpr int products_of_warp = (Input::products + expanded_warps - 1) / expanded_warps;
    static constexpr int narrow_tiles = most_narrow_channels / M::columns;
    /// Σ d_u · x of 8 channels, then Σ d_u.
    struct NarrowSums {
        float value[2 * V::size] = {};
    };

    __device__ __forceinline__ void go_through_channels(const Input& input, const Output& output,
                                                        int first_channel, bool first_tile,
                                                        FragmentC (&d_a)[products_of_warp][narrow_tiles]) {
        Expansion::load(task_.expansion, first_channel, task_.channels, task_.narrow, expansion_);
        load_output_gradients(output, first_channel);
        __syncthreads();
        expand();
        __syncthreads();
        ChannelPair sums[pair_sums] = {};
        convolve_back(input, first_channel, sums);
        __syncthreads();
        VITRINE_UNROLL
        for (int row = 0; row < pair_sums; ++row)
            store_lanes(g_ + (place_.slot * pair_sums + row) * expanded_channels + pair_channel(), sums[row]);
        add_input_gradient(d_a);
        add_expansion_gradient(first_channel, first_tile);
        __syncthreads();
        add_pair_sums(first_channel, first_tile);
        __syncthreads();
    }

    /// Of the thread's first channel, among the block's 32.
    __device__ __forceinline__ int pair_channel() const { return place_.pair * 2; }

    __device__ __forceinline__ void load_output_gradients(const Output& output, int first_channel) const {
        using Place = PackPlace<1, expanded_threads>;
        constexpr int at_once = 2;
        const Place place;
        const int channel = first_channel + place.column;
        const bool inside = channel < task_.channels;
        const auto of_channel = task_.g.channel(inside ? channel : 0);
        for (int first = place.row; first < Output::pixels; first += at_once * Place::rows_at_once) {
            typename OutputGradientSource<Half>::Raw raw[at_once];
            bool there[at_once];
            VITRINE_UNROLL
            for (int i = 0; i < at_once; ++i) {
                // What is not there is read from where something is, and left out: that spares a branch.
                const int pixel = output(first + i * Place::rows_at_once);
                there[i] = inside && pixel >= 0;
                raw[i] = task_.g.fetch(there[i] ? pixel * task_.channels + channel : 0);
            }
            VITRINE_UNROLL
            for (int i = 0; i < at_once; ++i) {
                const int local = first + i * Place::rows_at_once;
                if (local >= Output::pixels) continue;
                V g = task_.g.finish(of_channel, raw[i]);
                VITRINE_UNROLL
                for (int k = 0; k < V::size; ++k) g[k] = there[i] ? g[k] : 0.0F;
                const int row = local / Output::columns, column = local % Output::columns;
                store_pack(G::at(g_, row, column, place.column), {{g[0], g[1], g[2], g[3]}});
                store_pack(G::at(g_, row, column, place.column + 4), {{g[4], g[5], g[6], g[7]}});
            }
        }
    }

    __device__ __forceinline__ void expand() const {
        for (int product = warp_; product < Input::products; product += expanded_warps) {
            FragmentC e[Expansion::tiles] = {};
            Expansion::template expand<Narrow>(expansion_, a_, product * 16, task_.narrow, e);
            VITRINE_UNROLL
            for (int tile = 0; tile < Expansion::tiles; ++tile) {
                VITRINE_UNROLL
                for (int i = 0; i < 4; i += 2)
                    store_lanes(Wide::e(e_, product * 16 + fragment_.c_row(i),
                                        tile * M::columns + fragment_.c_column(0)),
                                ChannelPair{{e[tile].values[i], e[tile].values[i + 1]}});
            }
        }
    }

    /// d_e of the thread's pixels in the place of e, and the sums over them.
    __device__ __forceinline__ void convolve_back(const Input& input, int first_channel,
                                                  ChannelPair (&sums)[pair_sums]) const {
        const int channel = first_channel + pair_channel();
        ChannelPair weight[expanded_taps] = {};
        ChannelPair scale = all_lanes<float, 2>(1.0F), shift = all_lanes<float, 2>(0.0F);
        if (channel < task_.channels) {
            VITRINE_UNROLL
            for (int tap = 0; tap < expanded_taps; ++tap)
                weight[tap] = load_lanes<2>(task_.weight + tap * task_.channels + channel);
            if (task_.prologue.scale != nullptr) {
                scale = load_lanes<2>(task_.prologue.scale + channel);
                shift = load_lanes<2>(task_.prologue.shift + channel);
            }
        }
        // Of the thread's windows below one another those of the last 3 columns.
        ChannelPair g[Tile::thread_windows][expanded_kernel];
        const int first_window = place_.slot * Tile::thread_rows / Tile::stride;
        const int first_row = place_.slot * Tile::thread_rows;
        int columns_inside[Tile::thread_rows];
        VITRINE_UNROLL
        for (int row = 0; row < Tile::thread_rows; ++row)
            columns_inside[row] = input.row + first_row + row < input.height ? input.width - input.column : 0;
        int loaded = 0;
        VITRINE_UNROLL
        for (int column = 0; column < Tile::columns; ++column) {
            VITRINE_UNROLL
            for (; loaded <= Tile::window(column, 0); ++loaded) {
                VITRINE_UNROLL
                for (int i = 0; i < Tile::thread_windows; ++i)
                    g[i][loaded % expanded_kernel] =
                        load_lanes<2>(G::at(g_, first_window + i, loaded, pair_channel()));
            }
            VITRINE_UNROLL
            for (int row = 0; row < Tile::thread_rows; ++row) {
                const int pixel = (first_row + row) * Tile::columns + column;
                const bool inside = column < columns_inside[row];
                const ChannelPair e = load_lanes<2>(Wide::e(e_, pixel, pair_channel()));
                ChannelPair b, d_b{};
                VITRINE_UNROLL
                for (int k = 0; k < 2; ++k) {
                    const float u = multiply_add(scale[k], e[k], shift[k]);
                    b[k] = inside ? task_.clamp(u) : 0.0F;
                }
                VITRINE_UNROLL
                for (int p = 0; p < expanded_kernel; ++p) {
                    if (!Tile::meets(row, p)) continue;
                    VITRINE_UNROLL
                    for (int q = 0; q < expanded_kernel; ++q) {
                        if (!Tile::meets(column, q)) continue;
                        meet(p * expanded_kernel + q, b,
                             g[Tile::window(row, p)][Tile::window(column, q) % expanded_kernel], weight, sums,
                             d_b);
                    }
                }
                ChannelPair d_e;
                VITRINE_UNROLL
                for (int k = 0; k < 2; ++k) {
                    const float d_u = task_.clamp.inside(b[k], inside) ? d_b[k] : 0.0F;
                    d_e[k] = scale[k] * d_u;
                    sums[expanded_taps][k] = multiply_add(d_u, e[k], sums[expanded_taps][k]);
                    sums[expanded_taps + 1][k] += d_u;
                }
                __syncwarp();
                Wide::store(e_, pixel, pair_channel(), d_e);
            }
        }
    }

    static __device__ __forceinline__ void meet(int tap, const ChannelPair& b, const ChannelPair& g,
                                                const ChannelPair (&weight)[expanded_taps],
                                                ChannelPair (&sums)[pair_sums], ChannelPair& d_b) {
        VITRINE_UNROLL
        for (int k = 0; k < 2; ++k) {
            d_b[k] = multiply_add(weight[tap][k], g[k], d_b[k]);
            sums[tap][k] = multiply_add(b[k], g[k], sums[tap][k]);
        }
    }

    __device__ __forceinline__ void add_input_gradient(
        FragmentC (&d_a)[products_of_warp][narrow_tiles]) const {
        VITRINE_UNROLL
        for (int channel = 0; channel < expanded_channels; channel += M::k) {
            FragmentB<M> expansion[narrow_tiles];
            Expansion::Panel::load_turned_b(expansion_, channel, 0, expansion);
            VITRINE_UNROLL
            for (int i = 0; i < products_of_warp; ++i) {
                const int product = warp_ + i * expanded_warps;
                if (product >= Input::products) break;
                VITRINE_UNROLL
                for (int term = 0; term < 2; ++term) {
                    FragmentA<M> d_e;
                    Wide::load_a(e_, product * 16, channel, term, d_e.words);
                    VITRINE_UNROLL
                    for (int j = 0; j < narrow_tiles; ++j) multiply_matrices(d_a[i][j], d_e, expansion[j]);
                }
            }
        }
    }

    /// A warp has 16 channels of the 32, and 16 narrow ones.
    __device__ __forceinline__ void add_expansion_gradient(int first_channel, bool first_tile) const {
        const int local = warp_ % 2 * M::rows, narrow = warp_ / 2 * 2 * M::columns;
        if (narrow >= task_.narrow) return;
        FragmentC sums[2] = {};
        for (int pixel = 0; pixel < Input::products * 16; pixel += M::k) {
            FragmentB<M> a[2];
            Narrow::Panel::load_turned_b(a_, pixel, narrow, a);
            VITRINE_UNROLL
            for (int term = 0; term < 2; ++term) {
                FragmentA<M> d_e;
                Wide::load_turned_a(e_, pixel, local, term, d_e.words);
                VITRINE_UNROLL
                for (int j = 0; j < 2; ++j) multiply_matrices(sums[j], d_e, a[j]);
            }
        }
        float* const part = task_.expansion_parts + int64_t{chunk_} * task_.channels * task_.narrow;
        VITRINE_UNROLL
        for (int j = 0; j < 2; ++j) {
            const int column = narrow + j * M::columns + fragment_.c_column(0);
            VITRINE_UNROLL
            for (int i = 0; i < 4; i += 2) {
                const int channel = first_channel + local + fragment_.c_row(i);
                if (channel >= task_.channels || column >= task_.narrow) continue;
                add_to_part(part + channel * task_.narrow + column, first_tile,
                            ChannelPair{{sums[j].values[i], sums[j].values[i + 1]}});
            }
        }
    }
    static __device__ __forceinline__ void add_to_part(float* part, bool first_tile, ChannelPair sums) {
        if (!first_tile) {
            const ChannelPair before = load_lanes<2>(part);
            VITRINE_UNROLL
            for (int k = 0; k < 2; ++k) sums[k] += before[k];
        }
        store_lanes(part, sums);
    }

    /// Over the threads of each pair.
    __device__ __forceinline__ void add_pair_sums(int first_channel, bool first_tile) const {
        float* const part = sums_part();
        for (int row = place_.slot; row < pair_sums; row += expanded_slots) {
            const int channel = first_channel + pair_channel();
            if (channel >= task_.channels) break;
            ChannelPair sum{};
            for (int slot = 0; slot < expanded_slots; ++slot) {
                const ChannelPair more =
                    load_lanes<2>(g_ + (slot * pair_sums + row) * expanded_channels + pair_channel());
                VITRINE_UNROLL
                for (int k = 0; k < 2; ++k) sum[k] += more[k];
            }
            add_to_part(part + row * task_.channels + channel, first_tile, sum);
        }
    }

    __device__ __forceinline__ void put_input_gradient(const Input& input,
                                                       FragmentC (&d_a)[products_of_warp][narrow_tiles]) {
        const int narrow = fragment_.member * V::size;
        const bool inside = narrow < task_.narrow;
        typename PrologueSource<V, Half>::Channel channel{};
        if (inside) channel = task_.x.channel(narrow);
        NarrowSums sums;
        VITRINE_UNROLL
        for (int i = 0; i < products_of_warp; ++i) {
            exchange_tiles(d_a[i]);
            VITRINE_UNROLL
            for (int lower = 0; lower < 2; ++lower) {
                V mine;
                VITRINE_UNROLL
                for (int j = 0; j < V::size; ++j) mine[j] = d_a[i][j / 2].values[lower * 2 + j % 2];
                const int local = (warp_ + i * expanded_warps) * 16 + lower * 8 + fragment_.group;
                const int pixel = inside ? input(local) : -1;
                if (pixel >= 0) put_pixel(pixel * task_.narrow + narrow, channel, mine, sums);
            }
        }
        keep_narrow_sums(sums);
    }
    /// d_u = d_a · activation'(u), d_x = scale · d_u, and what the pixel adds to the sums of its channels.
    __device__ __forceinline__ void put_pixel(int index,
                                              const typename PrologueSource<V, Half>::Channel& channel,
                                              const V& d_a, NarrowSums& sums) const {
        const auto stored = task_.x.fetch(index);
        const V u = task_.x.before_clamp(channel, stored);
        const V x = widen_values<V, Half>(stored);
        V gradient;
        VITRINE_UNROLL
        for (int j = 0; j < V::size; ++j) {
            const float d_u = task_.x.clamp.inside(u[j], true) ? d_a[j] : 0.0F;
            sums.value[j] = multiply_add(d_u, x[j], sums.value[j]);
            sums.value[V::size + j] += d_u;
            gradient[j] = task_.x.scale == nullptr ? d_u : channel.scale[j] * d_u;
        }
        if (task_.d_x) task_.d_x(index, gradient);
        if (task_.wide_d_x) task_.wide_d_x(index, gradient);
    }

    /// Adds the sums over the 8 lanes that have the same channels to those of the tiles before, of which each of the lanes keeps
    /// two.
    __device__ __forceinline__ void keep_narrow_sums(NarrowSums& sums) {
        keep_half<V::size>(sums);
        keep_half<V::size / 2>(sums);
        keep_half<V::size / 4>(sums);
        VITRINE_UNROLL
        for (int k = 0; k < 2; ++k) narrow_sums_[k] += sums.value[k];
    }
    /// Of 2 · half sums a lane keeps one half, which the lane with another bit of its group's number adds to; the other it gives
    /// to that.
    template <int half>
    __device__ __forceinline__ void keep_half(NarrowSums& sums) const {
        constexpr int bit = half / 2;
        const bool upper = (fragment_.group & bit) != 0;
        VITRINE_UNROLL
        for (int j = 0; j < half; ++j) {
            const float low = sums.value[j], high = sums.value[half + j];
            const float theirs = __shfl_xor_sync(0xFFFFFFFFu, upper ? low : high, bit * 4);
            sums.value[j] = (upper ? high : low) + theirs;
        }
    }

    /// The block's part of the sums.
    __device__ __forceinline__ float* sums_part() const {
        return task_.sums.partials + int64_t{chunk_} * task_.sums.put.all();
    }

    /// Completes the block's part: the narrow channels' sums of its warps, [warps, 2, narrow]. The last block puts all parts
    /// together.
    __device__ __forceinline__ void leave_sums() {
        const int mine =
            fragment_.group / 4 * most_narrow_channels + fragment_.member * V::size + fragment_.group % 4 * 2;
        store_lanes(g_ + warp_ * 2 * most_narrow_channels + mine, narrow_sums_);
        __syncthreads();
        const int me = static_cast<int>(threadIdx.x);
        const int row = me / most_narrow_channels, narrow = me % most_narrow_channels;
        if (row < 2 && narrow < task_.narrow) {
            float sum = 0;
            for (int warp = 0; warp < expanded_warps; ++warp) sum += g_[warp * 2 * most_narrow_channels + me];
            sums_part()[task_.sums.put.narrow_sums() + row * task_.narrow + narrow] = sum;
        }
        task_.sums.template finish<expanded_threads>(chunk_, {0, 0, task_.sums.put.all()}, e_);
    }

    const Task& task_;
    float* const expansion_;
    float* const a_;
    float* const e_;
    float* const g_;
    const PairPlace place_;
    const FragmentPlace fragment_;
    const int warp_ = static_cast<int>(threadIdx.x) / 32;
    const int chunk_ = static_cast<int>(blockIdx.x);
    ChannelPair narrow_sums_{};  // of two narrow channels' scale or shift
};

/// Blocks of a multiprocessor. Before 8.0 its shared memory has room for one.
constexpr int backward_blocks = copies_run_beside ? 3 : 1;

template <class Half, class Tile>
__global__ void __launch_bounds__(expanded_threads, backward_blocks)
    expanded_backward(ExpandedBackwardTask<Half> task) {
    using Thread = ExpandedBackwardThread<Half, Tile>;
    Thread(task, expanded_memory<typename Thread::Shared>()).run();
}

template <class Half, int stride>
void run(const ExpandedConvBackward& args, Context& context) {
    using Tile = BackwardTile<stride>;
    constexpr int64_t blocks_wanted = 512;
    const ConvShape& shape = args.shape;
    const int64_t channels = shape.in_channels, narrow = args.narrow;
    const TilePlan plan(shape.in, shape.batch, {Tile::rows, Tile::columns}, blocks_wanted);
    if (plan.tiles == 0) return;
    float* const parts = context.scratch.take<float>(plan.chunks * channels * narrow);
    const PutExpandedSums put(args);
    launch(expanded_backward<Half, Tile>, blocks_for(plan.chunks, 1), expanded_threads, 0, stream(),
           ExpandedBackwardTask<Half>{
               ExpandedOperands<Half>(args),
               OutputGradientSource<Half>(depthwise_gradients(args, nullptr, nullptr)),
               ValuesWriter<Half>(args.wide_d_x ? Gradient{} : args.d_x),
               ValuesWriter<float>(args.wide_d_x ? args.d_x : Gradient{}), parts,
               LastSums<float, PutExpandedSums>(plan.chunks, 1, 1, put.all(), put, context), plan});
    if (args.d_expansion)
        run_sum_splits(parts, plan.chunks, channels, narrow, narrow,
                       packs_fit<float>(narrow, args.d_expansion.data),
                       PutGradient<float>{ValuesWriter<float>(args.d_expansion), static_cast<int>(narrow)});
}

}  // namespace

void expanded_backward_tiles(const ExpandedConvBackward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() {
        if constexpr (is_half_type<T>) {
            args.shape.stride.height == 1 ? run<T, 1>(args, context) : run<T, 2>(args, context);
        }
    });
}

}  // namespace vitrine::VITRINE_GPU
