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
// Bank conflicts: none (expanded_gradients.h).

#include "kernels/cuda/expanded_backward_task.h"
#include "kernels/cuda/expanded_conv.h"
#include "kernels/cuda/expanded_weight_gradient.h"
#include "kernels/cuda/expanded_windows.h"
#include "kernels/expanded_separately.h"

namespace vitrine::VITRINE_GPU {
namespace {

/// Narrow: NarrowTile or WindowTile.
template <class Half, class Tile, class Narrow>
class ExpandedBackwardThread {
    using V = Pack<Half>;
    using M = Mma<Half, half_mma_depth>;
    using Input = typename Tile::Input;
    using Output = typename Tile::Output;
    using Expansion = ExpansionPanel<Half>;
    using G = OutputGradients<Tile>;
    using Wide = WideGradients<Half>;
    using InputGradient = ExpandedInputGradient<Half, Input, Narrow::most>;

  public:
    using Task = ExpandedBackwardTask<Half, typename Narrow::Source>;
    using Shared = ExpandedBackwardShared<Half, Tile, Narrow>;

    __device__ __forceinline__ ExpandedBackwardThread(const Task& task, Shared& shared)
        : task_(task),
          expansion_(shared.expansion.values),
          a_(shared.a.values),
          e_(shared.e.values),
          g_(shared.g.values),
          input_gradient_(task.narrow, shared.narrow_sums.values) {}

    __device__ __forceinline__ void run() {
        if constexpr (Narrow::has_gradient) input_gradient_.begin();
        Narrow::clear(a_);
        prepare_upstream();
        const int first = chunk_ * task_.plan.tiles_of_chunk;
        const int end = min(first + task_.plan.tiles_of_chunk, task_.plan.tiles);
        for (int number = first; number < end; ++number) {
            const TilePlace tile(task_.plan, number);
            const Input input{tile.image, tile.down * Tile::rows, tile.across * Tile::columns,
                              task_.in_height, task_.in_width};
            Narrow::load(task_.x, input, task_.narrow, a_, e_);
            FragmentC d_a[products_of_warp][narrow_tiles] = {};
            for (int channel = 0; channel < task_.channels; channel += expanded_channels)
                go_through_channels(input, channel, number == first, d_a);
            if constexpr (Narrow::has_gradient) {
                if (task_.wide_d_x)
                    input_gradient_.put(task_.x, input, d_a, task_.wide_d_x);
                else
                    input_gradient_.put(task_.x, input, d_a, task_.d_x);
            }
        }
        leave_sums();
    }

  private:
    static constexpr int products_of_warp = InputGradient::products_of_warp;
    static constexpr int narrow_tiles = InputGradient::tiles;

    __device__ __forceinline__ void go_through_channels(const Input& input, int first_channel,
                                                        bool first_tile,
                                                        FragmentC (&d_a)[products_of_warp][narrow_tiles]) {
        if (first_tile || task_.channels > expanded_channels)
            Narrow::load_weights(task_.expansion, first_channel, task_.channels, task_.narrow, expansion_);
        load_output_gradients(input, first_channel);
        __syncthreads();
        expand();
        __syncthreads();
        ChannelPair sums[pair_sums] = {};
        convolve_back(input, first_channel, sums);
        __syncthreads();
        VITRINE_UNROLL
        for (int row = 0; row < pair_sums; ++row)
            store_lanes(g_ + (place_.slot * pair_sums + row) * expanded_channels + pair_channel(), sums[row]);
        if constexpr (Narrow::has_gradient) add_input_gradient(d_a);
        ExpansionGradient<Half, Input, Narrow>{
            task_.channels, task_.narrow,
            task_.expansion_parts + int64_t{chunk_} * task_.channels * task_.narrow}
            .add(a_, e_, first_channel, first_tile);
        __syncthreads();
        add_pair_sums(first_channel, first_tile);
        __syncthreads();
    }

    /// Of the thread's first channel, among the block's 32.
    __device__ __forceinline__ int pair_channel() const { return place_.pair * 2; }

    __device__ __forceinline__ void load_output_gradients(const Input& input, int first_channel) const {
        const Output output{input.image, input.row / Tile::stride - Tile::before,
                            input.column / Tile::stride - Tile::before, task_.out_height, task_.out_width};
        using Place = typename Tile::OutputPlace;
        const Place place(output, first_channel, task_.channels);
        const float* const slopes = upstream_part() + place.channel;
        const typename UpstreamSource<V, Half>::Channel of_channel{load_values<V>(slopes),
                                                                   load_values<V>(slopes + task_.channels)};
        typename UpstreamSource<V, Half>::Raw raw[Place::loads];
        VITRINE_UNROLL
        for (int i = 0; i < Place::loads; ++i) raw[i] = task_.g.fetch(place.index(i));
        VITRINE_UNROLL
        for (int i = 0; i < Place::loads; ++i) {
            if (!place.in_tile(i)) continue;
            V g = task_.g.finish(of_channel, raw[i]);
            const bool inside = place.inside(i);
            VITRINE_UNROLL
            for (int k = 0; k < V::size; ++k) g[k] = inside ? g[k] : 0.0F;
            const int row = place.row_of(i), column = place.column_of(i);
            store_pack(G::at(g_, row, column, place.local_channel), {{g[0], g[1], g[2], g[3]}});
            store_pack(G::at(g_, row, column, place.local_channel + 4), {{g[4], g[5], g[6], g[7]}});
        }
    }

    /// The first pixel of the warp's product i. Where there are fewer products than warps have, one is made twice: that spares
    /// branches.
    __device__ __forceinline__ int first_pixel(int i) const {
        const int product = warp_ + i * expanded_warps;
        return (Input::products % expanded_warps == 0 || product < Input::products ? product : warp_) * 16;
    }

    /// Of a tile of e, the lane's first: found anew, as FragmentPlace's would be kept in a register beside all else.
    static __device__ __forceinline__ int fragment_column() { return static_cast<int>(threadIdx.x % 4 * 2); }

    __device__ __forceinline__ void expand() const {
        FragmentC e[products_of_warp][Expansion::tiles];
        Expansion::template expand<Narrow>(expansion_, a_, {first_pixel(0), first_pixel(1)}, task_.narrow, e);
        VITRINE_UNROLL
        for (int i = 0; i < products_of_warp; ++i) {
            VITRINE_UNROLL
            for (int tile = 0; tile < Expansion::tiles; ++tile) {
                VITRINE_UNROLL
                for (int lower = 0; lower < 2; ++lower) {
                    const float* const two = e[i][tile].values + 2 * lower;
                    store_lanes(Wide::at(e_, first_pixel(i) + fragment_.c_row(2 * lower), tile * M::columns,
                                         fragment_column()),
                                ChannelPair{{two[0], two[1]}});
                }
            }
        }
    }

    /// d_e of the thread's pixels in the place of e, and the sums over them.
    __device__ __forceinline__ void convolve_back(const Input& input, int first_channel,
                                                  ChannelPair (&sums)[pair_sums]) const {
        const int first_row = place_.slot * Tile::thread_rows;
        if (Tile::whole && input.row + first_row >= input.height) return clear_gradients(first_row);
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
        int columns_inside[Tile::thread_rows];
        VITRINE_UNROLL
        for (int row = 0; row < Tile::thread_rows; ++row)
            columns_inside[row] = input.row + first_row + row < input.height ? input.width - input.column : 0;
        // Of the thread's first pixel, and of those 2, 4 and 6 further on: as many places of a pair in its pixel as there are.
        float* places[2][2];
        VITRINE_UNROLL
        for (int i = 0; i < 4; ++i) {
            const int pixel = first_row * Tile::columns + i * 2;
            places[i / 2][i % 2] =
                Wide::at(e_, pixel, pair_channel() / 8 * 8, pair_channel() % 8) - i * 2 * Wide::pixel_values;
        }
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
                float* const place = places[column / 4 % 2][column / 2 % 2] +
                                     (row * Tile::columns + column) * Wide::pixel_values;
                const bool inside = Tile::whole || column < columns_inside[row];
                const ChannelPair e = load_lanes<2>(place);
                ChannelPair b, d_b{};
                VITRINE_UNROLL
                for (int k = 0; k < 2; ++k) {
                    const float clamped = task_.clamp(multiply_add(scale[k], e[k], shift[k]));
                    b[k] = inside ? clamped : 0.0F;
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
                Wide::store_d_e(place, d_e);
            }
        }
    }

    /// d_e of a thread whose rows all lie outside.
    __device__ __forceinline__ void clear_gradients(int first_row) const {
        constexpr int pixels = Tile::thread_rows * Tile::columns;
        for (int i = 0; i < pixels; ++i) {
            store_lanes(
                Wide::at(e_, first_row * Tile::columns + i, pair_channel() / 8 * 8, pair_channel() % 8),
                ChannelPair{});
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
        const int lane = static_cast<int>(threadIdx.x) % 32;
        VITRINE_UNROLL
        for (int channel = 0; channel < expanded_channels; channel += Wide::depth_channels) {
            FragmentA<M> d_e[products_of_warp];
            VITRINE_UNROLL
            for (int i = 0; i < products_of_warp; ++i)
                Wide::load_a(e_, first_pixel(i), channel, d_e[i].words);
            VITRINE_UNROLL
            for (int j = 0; j < narrow_tiles; j += 2) {
                unsigned expansion[4];
                load_matrices_transposed(
                    expansion, Expansion::Panel::at(expansion_, channel + Wide::channel_of_depth(lane % 16),
                                                    j * M::columns + lane / 16 * 8));
                VITRINE_UNROLL
                for (int i = 0; i < products_of_warp; ++i) {
                    multiply_matrices(d_a[i][j], d_e[i], FragmentB<M>{{expansion[0], expansion[1]}});
                    multiply_matrices(d_a[i][j + 1], d_e[i], FragmentB<M>{{expansion[2], expansion[3]}});
                }
            }
        }
    }

    /// Over the threads of each pair.
    __device__ __forceinline__ void add_pair_sums(int first_channel, bool first_tile) const {
        float* const part = sums_part();
        // Not place_.slot, which would then be kept in a register beside all else.
        for (int row = static_cast<int>(threadIdx.x / expanded_pairs); row < pair_sums;
             row += expanded_slots) {
            const int channel = first_channel + pair_channel();
            if (channel >= task_.channels) break;
            ChannelPair sum{};
            for (int slot = 0; slot < expanded_slots; ++slot) {
                add_pair(sum,
                         load_lanes<2>(g_ + (slot * pair_sums + row) * expanded_channels + pair_channel()));
            }
            add_to_part(part + row * task_.channels + channel, first_tile, sum);
        }
    }

    /// The block's part of the sums.
    __device__ __forceinline__ float* sums_part() const {
        return task_.sums.partials + int64_t{chunk_} * task_.sums.put.all();
    }

    /// Completes the block's part: the narrow channels' sums of its warps. The last block puts all parts
    /// together.
    __device__ __forceinline__ void leave_sums() {
        __syncthreads();
        const int me = static_cast<int>(threadIdx.x);
        const int row = me / Narrow::most, narrow = me % Narrow::most;
        if (row < InputGradient::BlockSums::rows && narrow < task_.sums.put.narrow)
            sums_part()[task_.sums.put.narrow_sums() + row * task_.narrow + narrow] =
                input_gradient_.sum(row, narrow);
        task_.sums.template finish<expanded_threads>(chunk_, {0, 0, task_.sums.put.all()}, e_);
    }

    __device__ __forceinline__ float* upstream_part() const {
        return task_.upstream_parts + int64_t{2} * chunk_ * task_.channels;
    }
    /// Each tile would make the same of the moments' gradients once more.
    __device__ __forceinline__ void prepare_upstream() const {
        for (int first = 0; first < task_.channels; first += expanded_threads * V::size) {
            const int channel = first + static_cast<int>(threadIdx.x) * V::size;
            if (channel >= task_.channels) break;
            const auto of_channel = task_.g.channel(channel);
            store_values(upstream_part() + channel, of_channel.slope);
            store_values(upstream_part() + task_.channels + channel, of_channel.offset);
        }
        __syncthreads();
    }

    const Task& task_;
    float* const expansion_;
    float* const a_;
    float* const e_;
    float* const g_;
    const InputGradient input_gradient_;
    const PairPlace place_;
    const FragmentPlace fragment_;
    const int warp_ = static_cast<int>(threadIdx.x) / 32;
    const int chunk_ = static_cast<int>(blockIdx.x);
};

/// Blocks of a multiprocessor. Before 8.0 its shared memory has room for one.
constexpr int backward_blocks = copies_run_beside ? 3 : 1;

template <class Half, class Tile, class Narrow>
__global__ void __launch_bounds__(expanded_threads, backward_blocks)
    expanded_backward(ExpandedBackwardTask<Half, typename Narrow::Source> task) {
    using Thread = ExpandedBackwardThread<Half, Tile, Narrow>;
    Thread(task, block_memory<typename Thread::Shared>()).run();
}

template <class Half, class Tile, class Narrow>
void run(const ExpandedConvBackward& args, Context& context) {
    using Source = typename Narrow::Source;
    constexpr int64_t blocks_wanted = 512;
    const ConvShape& shape = args.shape;
    const int64_t channels = shape.in_channels, narrow = Source::columns(args);
    const TilePlan plan(shape.in, shape.batch, {Tile::rows, Tile::columns}, blocks_wanted);
    if (plan.tiles == 0) return;
    float* const upstream_parts = context.scratch.take<float>(plan.chunks * 2 * channels);
    float* const parts = context.scratch.take<float>(plan.chunks * channels * narrow);
    const PutExpandedSums put(args, context);
    launch(expanded_backward<Half, Tile, Narrow>, blocks_for(plan.chunks, 1), expanded_threads, 0, stream(),
           ExpandedBackwardTask<Half, Source>{
               ExpandedOperands<Half, Source>(args),
               UpstreamSource<Pack<Half>, Half>(depthwise_gradients(args, nullptr, nullptr)),
               LanesWriter<Half>(args.wide_d_x ? Gradient{} : args.d_x),
               LanesWriter<float>(args.wide_d_x ? args.d_x : Gradient{}), upstream_parts, parts,
               LastSums<float, PutExpandedSums>(plan.chunks, 1, 1, put.all(), put, context), plan});
    if (args.d_expansion) put_expansion_gradient(args, parts, plan.chunks, narrow);
}

/// x of few channels occurs before a stride of 2.
template <class Half, class Tile>
void run_tile(const ExpandedConvBackward& args, Context& context) {
    using Input = typename Tile::Input;
    if constexpr (Tile::stride == 1) {
        if (args.windows.there()) return run<Half, Tile, WindowTile<Half, Input>>(args, context);
    } else {
        if (args.narrow <= few_narrow_channels)
            return run<Half, Tile, NarrowTile<Half, Input, few_narrow_channels>>(args, context);
    }
    run<Half, Tile, NarrowTile<Half, Input>>(args, context);
}

template <class Half, class Whole, class WithRest>
void run_tiles(const ExpandedConvBackward& args, Context& context) {
    if (Whole::has_rest(args.shape.in))
        run_tile<Half, WithRest>(args, context);
    else
        run_tile<Half, Whole>(args, context);
}

}  // namespace

void expanded_backward_tiles(const ExpandedConvBackward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() {
        if constexpr (is_half_type<T>) {
            if (args.shape.stride.height == 1)
                return run_tiles<T, BackwardTile<1, true>, BackwardTile<1, false>>(args, context);
            run_tiles<T, BackwardTile<2, true>, BackwardTile<2, false>>(args, context);
        }
    });
}

}  // namespace vitrine::VITRINE_GPU
