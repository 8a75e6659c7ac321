// Pointwise convolution, backward, both gradients from one reading of d_y, y and x, by tensor cores: pointwise_one_pass.cu for
// 16-bit values.
//
// A block has a chunk of the pixels and a slice of 32 or 64 input channels. It walks over its pixels tile by tile, its 4 warps
// side by side in panels of 32 input channels and below one another in the pixels:
//
//                      outputs of a step                  inputs of the slice
//                     ┌─────────────────┐                ┌─────────┬─────────┐
//     pixels          │ g = d_y through │         pixels │ warp 0  │ warp 1  │      in shared memory, each loaded once;
//     of a tile       │ the epilogue    │                ├─────────┼─────────┤      a = x through the prologue
//                     └─────────────────┘                │ warp 2  │ warp 3  │
//                                                        └─────────┴─────────┘
//     d_a [pixels, inputs]    += g · weight       of a warp 16 or 32 pixels and 32 inputs. The weight's columns lie so that the
//                                                 mma leave 8 neighbours of a pixel to each lane: those of which it has
//                                                 loaded x, and now writes d_x
//     d_weight [outputs, inputs] += gᵀ · a        of a warp 16 outputs of each step, in the registers of the mma for all of
//                                                 the chunk, and then left as the chunk's part
//
// a and the weight are multiplied as values of 16 bits; g as the sum of two such (gemm_half_tensor.h says why). The sums are f32,
// cut off every 16 k (tensor_core.h). Chunks are no longer than one_pass's, whose parts these are, and so is all that
// becomes of them. What belongs to the channels is in shared memory for all of the chunk, and so is the weight up
// to 96 outputs.
//
// Nobody asks whether there is something to load: beyond the last pixel a thread has the last one once more, beyond the last
// channel the first ones. A chunk's last tile is set right where that would show.
//
// Bytes, at least: d_y [and y] and x read, d_x written: 2 · pixels · (2 · out + 2 · in) with prologue and epilogue. Slices read
// d_y and y again, from L2. FLOPs: 4 · pixels · in · out, of which those of g's second term are not counted.
//
// Bank conflicts: none (half_panels.h).

#include "kernels/cuda/half_one_pass_tiles.h"
#include "kernels/cuda/pointwise_one_pass.h"

namespace vitrine::VITRINE_GPU {
namespace {

/// What the running thread has to do with its block's chunk and slice.
template <class Half, class Tile, bool accumulates>
class HalfOnePassThread {
    static constexpr int size = 8;
    using V = Pack<Half>;
    using M = Mma<Half, half_mma_depth>;
    using Upstream = UpstreamSource<V, Half>;
    using ChannelOfInput = typename PrologueSource<V, Half>::Channel;
    using OutputPlace = PackPlace<HalfOnePassShared<Half, Tile>::Gradients::panels, one_pass_threads>;

  public:
    using Task = OnePass<V, Half>;
    using Shared = HalfOnePassShared<Half, Tile>;

    __device__ __forceinline__ HalfOnePassThread(const Task& task, Shared& shared)
        : task_(task),
          g_(shared.g.values),
          a_(shared.a.values),
          weight_(shared.weight.values),
          slopes_(shared.slopes.values),
          scales_(shared.scales.values) {
        const int block = static_cast<int>(blockIdx.x);
        chunk_ = block / task.slices;
        slice_ = block - chunk_ * task.slices;
        input_ = slice_ * Tile::inputs + local_input();
        first_pixel_ = chunk_ * task.chunk_pixels;
        end_pixel_ = min(task.chunk_pixels, task.pixels - first_pixel_) + first_pixel_;
    }

    __device__ __forceinline__ void run() {
        prepare_channels();
        if (Tile::keeps_weight) {
            copy_weight(0);
            wait_copies<0>();
        }
        __syncthreads();
        for (int tile = first_pixel_; tile < end_pixel_; tile += Tile::pixels) {
            fetch_inputs(tile);
            FragmentC d_a[Tile::tiles_down][Tile::tiles_across] = {};
            VITRINE_UNROLL
            for (int step = 0; step < Tile::steps; ++step) {
                const int first_output = step * Tile::outputs;
                if (step > 0 && first_output >= task_.out) break;
                if (!Tile::keeps_weight) copy_weight(first_output);
                load_gradients(tile, first_output);
                if (step == 0) store_inputs(tile);
                if (!Tile::keeps_weight) wait_copies<0>();
                __syncthreads();
                multiply_by_weight(first_output, d_a);
                multiply_by_inputs(first_output, weight_sums_[step]);
                __syncthreads();
            }
            put_input_gradient(tile, d_a);
        }
        leave_weight_part();
        if (task_.sums.partials == nullptr) return;
        leave_prologue_sums<Tile::inputs>(task_, chunk_, slice_, scale_sums_, shift_sums_, a_,
                                          [this](const V& mine) { return total_of_channel(mine); });
    }

  private:
    using Gradients = typename Shared::Gradients;
    using Inputs = typename Shared::Inputs;
    using Weight = typename Shared::Weight;

    __device__ __forceinline__ int panel() const { return warp_ % Tile::warps_across; }
    __device__ __forceinline__ int first_row() const {
        return warp_ / Tile::warps_across * Tile::warp_pixels;
    }
    __device__ __forceinline__ int local_input() const {
        return panel() * panel_columns + place_.member * size;
    }
    /// Row i of the lane's 2 · tiles_down in a tile of pixels.
    __device__ __forceinline__ int local_pixel(int i) const { return first_row() + i * 8 + place_.group; }

    /// Leaves in shared memory what belongs to the channels, zeros beyond the last: registers are what a block has least of. A
    /// barrier must follow.
    __device__ __forceinline__ void prepare_channels() const {
        const int me = static_cast<int>(threadIdx.x) * size;
        if (me < all_outputs) {
            typename Upstream::Channel channel{};
            if (me < task_.out) channel = task_.g.channel(me);
            store_values(slopes_ + me, channel.slope);
            store_values(slopes_ + all_outputs + me, channel.offset);
        }
        if (me < Tile::inputs) {
            const int input = slice_ * Tile::inputs + me;
            ChannelOfInput channel{};
            if (input < task_.in) channel = task_.a.channel(input);
            store_values(scales_ + me, channel.scale);
            store_values(scales_ + Tile::inputs + me, channel.shift);
        }
    }
    __device__ __forceinline__ ChannelOfInput prologue_of_lane() const {
        return {load_values<V>(scales_ + local_input()),
                load_values<V>(scales_ + Tile::inputs + local_input())};
    }

    /// The chunk's last pixel in place of those beyond it. Of these a is made zero, and nothing is kept of d_a.
    __device__ __forceinline__ int within(int pixel) const { return min(pixel, end_pixel_ - 1); }

    /// x stays in the registers of the lane that will need it again for d_x; all warps need a.
    __device__ __forceinline__ void fetch_inputs(int tile) {
        const int input = input_ < task_.in ? input_ : 0;
        VITRINE_UNROLL
        for (int i = 0; i < rows_of_lane; ++i) {
            x_[i] = task_.a.fetch(within(tile + local_pixel(i)) * task_.in + input);
        }
    }
    __device__ __forceinline__ void store_inputs(int tile) const {
        const ChannelOfInput prologue = prologue_of_lane();
        VITRINE_UNROLL
        for (int i = 0; i < rows_of_lane; ++i) {
            Inputs::store(a_, local_pixel(i), local_input(), task_.a.finish_rounded(prologue, x_[i]));
        }
        if (tile + Tile::pixels <= end_pixel_) return;
        VITRINE_UNROLL
        for (int i = 0; i < rows_of_lane; ++i) {
            if (tile + local_pixel(i) >= end_pixel_)
                Inputs::store(a_, local_pixel(i), local_input(), HalfWords<size>{});
        }
    }

    /// g [pixels, outputs] from `first_output` on, in two terms. A thread stays with its outputs; what it has beyond the last
    /// meets zeros of the weight.
    __device__ __forceinline__ void load_gradients(int tile, int first_output) const {
        constexpr int rows = Tile::pixels / OutputPlace::rows_at_once;
        constexpr int at_once = rows < 4 ? rows : 4;
        const int local = first_output + g_place_.column;
        const int output = local < task_.out ? local : 0;
        const typename Upstream::Channel channel{load_values<V>(slopes_ + local),
                                                 load_values<V>(slopes_ + all_outputs + local)};
        VITRINE_UNROLL
        for (int first = 0; first < rows; first += at_once) {
            typename Upstream::Raw raw[at_once];
            VITRINE_UNROLL
            for (int i = 0; i < at_once; ++i) {
                raw[i] = task_.g.fetch(within(tile + output_row(first + i)) * task_.out + output);
            }
            VITRINE_UNROLL
            for (int i = 0; i < at_once; ++i) {
                store_gradient(output_row(first + i), task_.g.finish(channel, raw[i]));
            }
        }
    }
    /// The thread's row i in a tile of g.
    __device__ __forceinline__ int output_row(int i) const {
        return g_place_.row + i * OutputPlace::rows_at_once;
    }
    __device__ __forceinline__ void store_gradient(int row, const V& g) const {
        Gradients::store(g_, row, g_place_.column, g);
        Gradients::store(g_ + Gradients::count, row, g_place_.column, rest_of_rounding(g));
    }

    /// weight [outputs, inputs] from `first_output` on.
    __device__ __forceinline__ void copy_weight(int first_output) const {
        using Place = PackPlace<Weight::panels, one_pass_threads>;
        const Place place;
        const int input = slice_ * Tile::inputs + place.column;
        VITRINE_UNROLL
        for (int row = 0; row < Tile::weight_rows; row += Place::rows_at_once) {
            const int output = first_output + row + place.row;
            const bool here = output < task_.out && input < task_.in;
            Weight::copy_for_lanes(weight_, row + place.row, place.column,
                                   task_.weight + (here ? output * task_.in + input : 0), here);
        }
        commit_copies();
    }

    __device__ __forceinline__ void multiply_by_weight(
        int first_output, FragmentC (&d_a)[Tile::tiles_down][Tile::tiles_across]) const {
        const int first_row_of_weight = Tile::keeps_weight ? first_output : 0;
        VITRINE_UNROLL
        for (int output = 0; output < Tile::outputs; output += M::k) {
            if (output > 0 && first_output + output >= task_.out) break;
            FragmentB<M> weight[Tile::tiles_across];
            Weight::load_turned_b(weight_, first_row_of_weight + output, panel() * panel_columns, weight);
            VITRINE_UNROLL
            for (int term = 0; term < 2; ++term) {
                VITRINE_UNROLL
                for (int i = 0; i < Tile::tiles_down; ++i) {
                    FragmentA<M> g;
                    Gradients::load_a(g_ + term * Gradients::count, first_row() + i * M::rows, output,
                                      g.words);
                    VITRINE_UNROLL
                    for (int j = 0; j < Tile::tiles_across; ++j) multiply_matrices(d_a[i][j], g, weight[j]);
                }
            }
        }
    }

    /// The first of the outputs of a step of which this warp has d_weight, and the first of the inputs.
    __device__ __forceinline__ int weight_row() const { return warp_ % Tile::weight_warps_down * M::rows; }
    __device__ __forceinline__ int weight_column() const {
        return warp_ / Tile::weight_warps_down * Tile::weight_columns;
    }

    __device__ __forceinline__ void multiply_by_inputs(int first_output,
                                                       FragmentC (&sums)[Tile::weight_tiles]) const {
        if (first_output + weight_row() >= task_.out) return;
        for (int pixel = 0; pixel < Tile::pixels; pixel += M::k) {
            FragmentB<M> a[Tile::weight_tiles];
            Inputs::load_turned_b(a_, pixel, weight_column(), a);
            VITRINE_UNROLL
            for (int term = 0; term < 2; ++term) {
                FragmentA<M> g;
                Gradients::load_turned_a(g_ + term * Gradients::count, pixel, weight_row(), g.words);
                VITRINE_UNROLL
                for (int j = 0; j < Tile::weight_tiles; ++j) multiply_matrices(sums[j], g, a[j]);
            }
        }
    }

    __device__ __forceinline__ void put_input_gradient(
        int tile, FragmentC (&d_a)[Tile::tiles_down][Tile::tiles_across]) {
        const ChannelOfInput prologue = prologue_of_lane();
        VITRINE_UNROLL
        for (int i = 0; i < Tile::tiles_down; ++i) {
            VITRINE_UNROLL
            for (int lower = 0; lower < 2; ++lower) {
                V mine;
                VITRINE_UNROLL
                for (int j = 0; j < size; ++j) mine[j] = d_a[i][j / 2].values[lower * 2 + j % 2];
                const int row = i * 2 + lower;
                put_pixel(tile + local_pixel(row), prologue, x_[row], mine);
            }
        }
    }

    /// d_u = d_a · activation'(u), d_x = scale · d_u, and the lane's share of Σ d_u · x and Σ d_u.
    __device__ __forceinline__ void put_pixel(int pixel, const ChannelOfInput& prologue,
                                              const StoredValues<V, Half>& stored, const V& d_a) {
        const V u = task_.a.before_clamp(prologue, stored);
        const V x = widen_values<V, Half>(stored);
        const bool here = pixel < end_pixel_;
        V gradient;
        VITRINE_UNROLL
        for (int j = 0; j < size; ++j) {
            const float d_u = task_.a.clamp.inside(u[j], here) ? d_a[j] : 0.0F;
            scale_sums_[j] = multiply_add(d_u, x[j], scale_sums_[j]);
            shift_sums_[j] += d_u;
            gradient[j] = prologue.scale[j] * d_u;
        }
        if (here && input_ < task_.in)
            task_.template put_input_gradient<accumulates>(pixel * task_.in + input_, gradient);
    }

    __device__ __forceinline__ void leave_weight_part() const {
        float* const part = task_.weight_parts + int64_t{chunk_} * task_.out * task_.in;
        VITRINE_UNROLL
        for (int step = 0; step < Tile::steps; ++step) {
            VITRINE_UNROLL
            for (int j = 0; j < Tile::weight_tiles; ++j) {
                const int input =
                    slice_ * Tile::inputs + weight_column() + j * M::columns + place_.c_column(0);
                VITRINE_UNROLL
                for (int i = 0; i < 4; i += 2) {
                    const int output = step * Tile::outputs + weight_row() + place_.c_row(i);
                    if (output >= task_.out || input >= task_.in) continue;
                    const float* const two = weight_sums_[step][j].values + i;
                    *reinterpret_cast<float2*>(part + output * task_.in + input) =
                        make_float2(two[0], two[1]);
                }
            }
        }
    }

    /// The sum of a channel over the lanes that have it; the first Tile::inputs threads get theirs.
    __device__ __forceinline__ float total_of_channel(const V& mine) const {
        constexpr int lanes = Tile::warps_down * 8;
        constexpr int stride = Tile::inputs + 4;  // so that rows begin in other banks
        static_assert(lanes * stride <= 2 * Gradients::count);
        const int row = warp_ / Tile::warps_across * 8 + place_.group;
        store_values(g_ + row * stride + local_input(), mine);
        __syncthreads();
        float total = 0;
        const int me = static_cast<int>(threadIdx.x);
        if (me < Tile::inputs) {
            for (int lane = 0; lane < lanes; ++lane) total += g_[lane * stride + me];
        }
        return total;
    }

    static constexpr int all_outputs = Tile::steps * Tile::outputs;
    static constexpr int rows_of_lane = Tile::tiles_down * 2;

    const Task& task_;
    float* const g_;       // [terms, pixels, outputs]
    float* const a_;       // [pixels, inputs]
    float* const weight_;  // [outputs, inputs]
    float* const slopes_;  // [2, outputs], of the upstream gradient
    float* const scales_;  // [2, inputs], of the prologue
    const int warp_ = static_cast<int>(threadIdx.x) / 32;
    const FragmentPlace place_;
    const OutputPlace g_place_;
    int chunk_;
    int slice_;
    int input_;  // the lane's first input channel
    int first_pixel_;
    int end_pixel_;
    StoredValues<V, Half> x_[rows_of_lane];
    FragmentC weight_sums_[Tile::steps][Tile::weight_tiles] = {};
    V scale_sums_{};
    V shift_sums_{};
};

template <class Half, class Tile, bool accumulates>
__global__ void __launch_bounds__(one_pass_threads, (half_one_pass_at_once<Tile>))
    half_one_pass(OnePass<Pack<Half>, Half> task) {
    using Thread = HalfOnePassThread<Half, Tile, accumulates>;
    Thread(task, block_memory<typename Thread::Shared>()).run();
}

/// To write d_x and to add to it are two kernels: asked at each pack, the question breaks its store into four.
template <class Half, class Tile>
void run_tile(const ConvBackward& args, Context& context) {
    if (args.d_x.mode == GradMode::accumulate) {
        launch_one_pass<Tile>(half_one_pass<Half, Tile, true>, args, context);
    } else {
        launch_one_pass<Tile>(half_one_pass<Half, Tile, false>, args, context);
    }
}

/// Three steps of outputs: of one panel, or of two, whose sums leave registers for one panel of inputs.
using InSteps = HalfOnePassTile<1, 3, 2, 2>;
using InLongSteps = HalfOnePassTile<2, 3, 1, 1>;

/// Few input channels leave warps for more pixels, and many output channels registers for few of the inputs.
template <class Half>
void run(const ConvBackward& args, Context& context) {
    const int64_t in = args.shape.in_channels, out = args.shape.out_channels;
    const bool one_panel = in <= panel_columns;
    if (out <= panel_columns) {
        if (one_panel) return run_tile<Half, HalfOnePassTile<1, 1, 1, 2>>(args, context);
        return run_tile<Half, HalfOnePassTile<1, 1, 2, 2>>(args, context);
    }
    if (out <= 2 * panel_columns) {
        if (one_panel) return run_tile<Half, HalfOnePassTile<2, 1, 1, 1>>(args, context);
        return run_tile<Half, HalfOnePassTile<2, 1, 2, 2>>(args, context);
    }
    if (out <= 3 * panel_columns) return run_tile<Half, InSteps>(args, context);
    run_tile<Half, InLongSteps>(args, context);
}

}  // namespace

const char* refuses_pointwise_half_one_pass(const ConvBackward& args) {
    if (const char* reason = refuses_half_tensor_cores(args.dtype)) return reason;
    return refuses_one_pass_of(InLongSteps::steps * InLongSteps::outputs, args);
}

void pointwise_backward_half_one_pass(const ConvBackward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() {
        if constexpr (is_half_type<T>) run<T>(args, context);
    });
    bias_gradient(args, context);
}

}  // namespace vitrine::VITRINE_GPU
