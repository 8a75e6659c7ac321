// Pointwise convolution, backward, both gradients from one reading of d_y, y and x: for layers of many pixels and few
// channels, whose time is that of their bytes.
//
// A block has a chunk of the pixels and a slice of the input channels. It walks over its pixels tile by tile:
//
//                      outputs of a step              inputs of the slice
//                     ┌─────────────────┐            ┌──────────┐
//     pixels          │ g = d_y through │     pixels │ a = x    │      in shared memory, each
//     of a tile       │ the epilogue    │            │ through… │      loaded once
//                     └─────────────────┘            └──────────┘
//     d_a [pixels, inputs]    += g · weight       a thread's micro-tile of it ends with the tile: through the
//                                                 prologue it is d_x
//     d_weight [outputs, inputs] += gᵀ · a        a thread's micro-tile of each step stays in registers for all of
//                                                 the chunk, and is then left as the chunk's part
//
// A second launch adds up the parts in the order of the chunks (gemm_split.h). The last blocks put together d_scale and
// d_shift (channel_last.h). Nothing is loaded ahead: while one block waits, others multiply.
//
// Bytes of floats, at least: d_y [and y] and x read, d_x written: 4 · pixels · (2 · out + 2 · in) with prologue and
// epilogue, where the two products of pointwise_backward.cu take 4 · pixels · (4 · out + 3 · in). Slices read d_y and y
// again, from L2, where their blocks are neighbours. Parts add up to an eighth at most. FLOPs: 4 · pixels · in · out.
//
// Bank conflicts: the 8 threads that are served together have the same pixels and the same outputs, so they read the
// same pack of g, and 8 neighbouring ones of a and of the weight. No padding is needed.

#include "kernels/cuda/pointwise_one_pass.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int most_steps = 3;

/// The extents of a block's tiles; T is what is multiplied. Its threads lie `across` the input channels and `down` the
/// pixels (for d_a) or the output channels (for d_weight).
template <class T, int threads_across, int steps_of_outputs>
struct OnePassTile {
    static constexpr int size = Pack<T>::size;
    static constexpr int across = threads_across;
    static constexpr int down = one_pass_threads / across;
    static constexpr int thread_pixels = 4;
    static constexpr int pixels = down * thread_pixels;
    static constexpr int inputs = across * size;
    static constexpr int outputs = down * size;  // of a step
    static constexpr int steps = steps_of_outputs;
};

template <class T>
using OnePassOf = OnePass<Pack<Accumulate<T>>, T>;

template <class A, int pixels, int outputs, int inputs>
struct OnePassShared {
    GemmShared<A, pixels * outputs> g;
    GemmShared<A, pixels * inputs> a;
    GemmShared<A, outputs * inputs> weight;
};

/// A block's. A function, as gemm_memory() is.
template <class Shared>
__device__ __forceinline__ Shared& one_pass_memory() {
    __shared__ Shared shared;
    return shared;
}

/// What the running thread has to do with its block's chunk and slice.
template <class T, class Tile>
class OnePassThread {
    static constexpr int size = Tile::size;
    using A = Accumulate<T>;
    using V = Pack<A>;

  public:
    using Shared = OnePassShared<A, Tile::pixels, Tile::outputs, Tile::inputs>;

    __device__ __forceinline__ OnePassThread(const OnePassOf<T>& task, Shared& shared)
        : task_(task), g_(shared.g.values), a_(shared.a.values), weight_(shared.weight.values) {
        const int block = static_cast<int>(blockIdx.x);
        chunk_ = block / task.slices;
        slice_ = block - chunk_ * task.slices;
        input_ = slice_ * Tile::inputs + across_ * size;
        first_pixel_ = chunk_ * task.chunk_pixels;
        end_pixel_ = min(task.chunk_pixels, task.pixels - first_pixel_) + first_pixel_;
        if (input_ < task.in) prologue_ = task.a.channel(input_);
    }

    __device__ __forceinline__ void run() {
        for (int tile = first_pixel_; tile < end_pixel_; tile += Tile::pixels) {
            load_inputs(tile);
            A d_a[Tile::thread_pixels][size] = {};
            VITRINE_UNROLL
            for (int step = 0; step < Tile::steps; ++step) {
                load_gradients(tile, step * Tile::outputs);
                if (Tile::steps > 1 || tile == first_pixel_) load_weight(step * Tile::outputs);
                __syncthreads();
                multiply_by_weight(d_a);
                multiply_by_inputs(weight_sums_[step]);
                __syncthreads();
            }
            put_input_gradient(tile, d_a);
        }
        leave_weight_part();
        if (task_.sums.partials == nullptr) return;
        leave_prologue_sums<Tile::inputs>(task_, chunk_, slice_, scale_sums_, shift_sums_, g_,
                                          [this](const A(&mine)[size]) { return total_of_channel(mine); });
    }

  private:
    /// The thread's pixel i of a tile, within the tile.
    __device__ __forceinline__ int local_pixel(int i) const { return i * Tile::down + down_; }
    __device__ __forceinline__ bool inside(int pixel) const {
        return pixel < end_pixel_ && input_ < task_.in;
    }

    /// x stays in the registers of the thread that will need it again for d_x; all threads need a.
    __device__ __forceinline__ void load_inputs(int tile) {
        VITRINE_UNROLL
        for (int i = 0; i < Tile::thread_pixels; ++i) {
            const int pixel = tile + local_pixel(i);
            x_[i] = {};
            if (inside(pixel)) x_[i] = task_.a.fetch(pixel * task_.in + input_);
        }
        VITRINE_UNROLL
        for (int i = 0; i < Tile::thread_pixels; ++i) {
            V a{};
            if (inside(tile + local_pixel(i))) a = task_.a.finish(prologue_, x_[i]);
            store_pack(a_ + local_pixel(i) * Tile::inputs + across_ * size, a);
        }
    }

    /// g [pixels, outputs] from `first_output` on. A thread stays with its outputs.
    __device__ __forceinline__ void load_gradients(int tile, int first_output) const {
        constexpr int packs = Tile::outputs / size;
        constexpr int rows = one_pass_threads / packs;
        constexpr int at_once = Tile::pixels / rows < 4 ? Tile::pixels / rows : 4;
        const int local = static_cast<int>(threadIdx.x) % packs * size;
        const int first_row = static_cast<int>(threadIdx.x) / packs;
        const int output = first_output + local;
        typename UpstreamSource<V, T>::Channel channel{};
        if (output < task_.out) channel = task_.g.channel(output);
        for (int row = first_row; row < Tile::pixels; row += rows * at_once) {
            typename UpstreamSource<V, T>::Raw raw[at_once];
            VITRINE_UNROLL
            for (int i = 0; i < at_once; ++i) {
                const int pixel = tile + row + i * rows;
                raw[i] = {};
                if (pixel < end_pixel_ && output < task_.out) {
                    raw[i] = task_.g.fetch(pixel * task_.out + output);
                }
            }
            VITRINE_UNROLL
            for (int i = 0; i < at_once; ++i) {
                const int pixel = tile + row + i * rows;
                V g{};
                if (pixel < end_pixel_ && output < task_.out) g = task_.g.finish(channel, raw[i]);
                store_pack(g_ + (row + i * rows) * Tile::outputs + local, g);
            }
        }
    }

    /// weight [outputs, inputs] from `first_output` on.
    __device__ __forceinline__ void load_weight(int first_output) const {
        VITRINE_UNROLL
        for (int i = 0; i < size; ++i) {
            const int local = i * Tile::down + down_;
            V weight{};
            if (first_output + local < task_.out && input_ < task_.in) {
                weight = load_values<V>(task_.weight + (first_output + local) * task_.in + input_);
            }
            store_pack(weight_ + local * Tile::inputs + across_ * size, weight);
        }
    }

    __device__ __forceinline__ void multiply_by_weight(A (&d_a)[Tile::thread_pixels][size]) const {
        for (int output = 0; output < Tile::outputs; output += size) {
            V g[Tile::thread_pixels];
            VITRINE_UNROLL
            for (int i = 0; i < Tile::thread_pixels; ++i) {
                g[i] = load_pack(g_ + local_pixel(i) * Tile::outputs + output);
            }
            VITRINE_UNROLL
            for (int s = 0; s < size; ++s) {
                const V weight = load_pack(weight_ + (output + s) * Tile::inputs + across_ * size);
                VITRINE_UNROLL
                for (int i = 0; i < Tile::thread_pixels; ++i) {
                    VITRINE_UNROLL
                    for (int j = 0; j < size; ++j) d_a[i][j] = multiply_add(g[i][s], weight[j], d_a[i][j]);
                }
            }
        }
    }

    __device__ __forceinline__ void multiply_by_inputs(A (&sums)[size][size]) const {
        for (int pixel = 0; pixel < Tile::pixels; ++pixel) {
            const V g = load_pack(g_ + pixel * Tile::outputs + down_ * size);
            const V a = load_pack(a_ + pixel * Tile::inputs + across_ * size);
            VITRINE_UNROLL
            for (int i = 0; i < size; ++i) {
                VITRINE_UNROLL
                for (int j = 0; j < size; ++j) sums[i][j] = multiply_add(g[i], a[j], sums[i][j]);
            }
        }
    }

    /// d_u = d_a · activation'(u), d_x = scale · d_u, and the thread's share of Σ d_u · x and Σ d_u.
    __device__ __forceinline__ void put_input_gradient(int tile, const A (&d_a)[Tile::thread_pixels][size]) {
        VITRINE_UNROLL
        for (int i = 0; i < Tile::thread_pixels; ++i) {
            const int pixel = tile + local_pixel(i);
            if (!inside(pixel)) continue;
            const V u = task_.a.before_clamp(prologue_, x_[i]);
            const V x = widen_values<V, T>(x_[i]);
            V gradient;
            VITRINE_UNROLL
            for (int j = 0; j < size; ++j) {
                const A d_u = task_.a.clamp.inside(u[j], true) ? d_a[i][j] : A(0);
                scale_sums_[j] = multiply_add(d_u, x[j], scale_sums_[j]);
                shift_sums_[j] += d_u;
                gradient[j] = task_.a.scale == nullptr ? d_u : prologue_.scale[j] * d_u;
            }
            const int index = pixel * task_.in + input_;
            if (task_.accumulates) {
                task_.template put_input_gradient<true>(index, gradient);
            } else {
                task_.template put_input_gradient<false>(index, gradient);
            }
        }
    }

    __device__ __forceinline__ void leave_weight_part() const {
        if (input_ >= task_.in) return;
        A* const part = task_.weight_parts + int64_t{chunk_} * task_.out * task_.in;
        VITRINE_UNROLL
        for (int step = 0; step < Tile::steps; ++step) {
            VITRINE_UNROLL
            for (int i = 0; i < size; ++i) {
                const int output = step * Tile::outputs + down_ * size + i;
                if (output < task_.out) {
                    store_pack(part + output * task_.in + input_, values_from<V>(weight_sums_[step][i], 0));
                }
            }
        }
    }

    /// The sum of a channel over the threads below one another; the first Tile::inputs threads get theirs.
    __device__ __forceinline__ A total_of_channel(const A (&mine)[size]) const {
        store_pack(a_ + down_ * Tile::inputs + across_ * size, values_from<V>(mine, 0));
        __syncthreads();
        A total = A(0);
        const int me = static_cast<int>(threadIdx.x);
        if (me < Tile::inputs) {
            for (int down = 0; down < Tile::down; ++down) total += a_[down * Tile::inputs + me];
        }
        return total;
    }

    const OnePassOf<T>& task_;
    A* const g_;       // [pixels, outputs]
    A* const a_;       // [pixels, inputs]
    A* const weight_;  // [outputs, inputs]
    const int down_ = static_cast<int>(threadIdx.x) / Tile::across;
    const int across_ = static_cast<int>(threadIdx.x) % Tile::across;
    int chunk_;
    int slice_;
    int input_;  // the thread's first input channel
    int first_pixel_;
    int end_pixel_;
    typename PrologueSource<V, T>::Channel prologue_{};
    StoredValues<V, T> x_[Tile::thread_pixels];
    A weight_sums_[Tile::steps][size][size] = {};
    A scale_sums_[size] = {};
    A shift_sums_[size] = {};
};

/// Blocks that a multiprocessor should hold at once: 168 registers a thread, or as many as there are.
template <class Tile>
constexpr int one_pass_at_once = Tile::steps < most_steps ? 3 : 2;

template <class T, class Tile>
__global__ void __launch_bounds__(one_pass_threads, (one_pass_at_once<Tile>)) one_pass(OnePassOf<T> task) {
    using Thread = OnePassThread<T, Tile>;
    Thread(task, one_pass_memory<typename Thread::Shared>()).run();
}

template <class T, class Tile>
void run_tile(const ConvBackward& args, Context& context) {
    launch_one_pass<Tile>(one_pass<T, Tile>, args, context);
}

/// Few output channels leave threads for more input channels.
template <class T>
void run(const ConvBackward& args, Context& context) {
    using A = Accumulate<T>;
    using Narrow = OnePassTile<A, 16, 1>;
    using Wide = OnePassTile<A, 8, 1>;
    if (args.shape.out_channels <= Narrow::outputs) return run_tile<T, Narrow>(args, context);
    switch (divide_up(args.shape.out_channels, Wide::outputs)) {
        case 1:
            return run_tile<T, Wide>(args, context);
        case 2:
            return run_tile<T, OnePassTile<A, 8, 2>>(args, context);
        default:
            return run_tile<T, OnePassTile<A, 8, most_steps>>(args, context);
    }
}

int64_t most_outputs(DType dtype) {
    return most_steps *
           (dtype == DType::f64 ? OnePassTile<double, 8, 1>::outputs : OnePassTile<float, 8, 1>::outputs);
}

}  // namespace

const char* refuses_pointwise_one_pass(const ConvBackward& args) {
    return refuses_one_pass_of(most_outputs(args.dtype), args);
}

void pointwise_backward_one_pass(const ConvBackward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() { run<T>(args, context); });
    bias_gradient(args, context);
}

}  // namespace vitrine::VITRINE_GPU
