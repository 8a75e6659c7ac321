// What both kernels with one reading of d_y, y and x are given, and how the pixels are shared out among their blocks: see
// pointwise_one_pass.cu.
#pragma once

#include <algorithm>

#include "kernels/cuda/gemm_split.h"
#include "kernels/cuda/pointwise_conv.h"

namespace vitrine::VITRINE_GPU {

constexpr int one_pass_threads = 128;

/// V is what a load brings, of T.
template <class V, class T>
struct OnePass {
    using A = Accumulate<T>;

    UpstreamSource<V, T> g;
    PrologueSource<V, T> a;
    const T* weight;
    T* d_x;
    bool accumulates;      // d_x: else it is written
    A* weight_parts;       // [chunks, out, in]
    PrologueSums<A> sums;  // chunks of pixels, tiles of channels: the slices
    int pixels;
    int in;
    int out;
    int chunk_pixels;
    int slices;

    template <bool adds>
    __device__ __forceinline__ void put_input_gradient(int index, V gradient) const {
        if constexpr (adds) {
            const V before = load_values<V>(d_x + index);
            VITRINE_UNROLL
            for (int i = 0; i < V::size; ++i) gradient[i] = before[i] + gradient[i];
        }
        store_values(d_x + index, gradient);
    }
};

/// Leaves the block's part of d_scale and d_shift, and puts all parts together where the block is the last. total_of_channel(sums) is
/// the sum over the threads of a channel, for the first `inputs` threads: of the slice's channels in order. `memory`: shared, of the block.
template <int inputs, class Task, class Sums, class A, class TotalOfChannel>
__device__ __forceinline__ void leave_prologue_sums(const Task& task, int chunk, int slice,
                                                    const Sums& scale_sums, const Sums& shift_sums, A* memory,
                                                    TotalOfChannel&& total_of_channel) {
    const A scale_sum = total_of_channel(scale_sums);
    __syncthreads();
    const A shift_sum = total_of_channel(shift_sums);
    const int me = static_cast<int>(threadIdx.x);
    const ChannelTile tile{slice, slice * inputs, min(inputs, task.in - slice * inputs)};
    if (me < tile.channels) {
        A* const to = task.sums.partials + int64_t{chunk} * 2 * task.in + tile.first + me;
        to[0] = scale_sum;
        to[task.in] = shift_sum;
    }
    task.sums.template finish<one_pass_threads>(chunk, tile, memory);
}

/// Chunks whose parts of d_weight, written and read, take an eighth of the bytes of d_y, y, x and d_x, all of them floats.
inline int64_t affordable_chunks(const ConvShape& shape) {
    const int64_t in = shape.in_channels, out = shape.out_channels;
    return shape.in_pixels() * (in + out) / std::max<int64_t>(1, 8 * in * out);
}

/// Launches `kernel`, whose blocks have tiles of Tile::pixels and slices of Tile::inputs, and adds up the parts of d_weight.
template <class Tile, class V, class T>
void launch_one_pass(void (*kernel)(OnePass<V, T>), const ConvBackward& args, Context& context) {
    using A = Accumulate<T>;
    constexpr int64_t blocks = 2 * enough_blocks;
    constexpr int64_t longest_chunk =
        32768;  // longer ones would sum too many floats in a row for their digits
    const ConvShape& shape = args.shape;
    const int64_t pixels = shape.in_pixels(), in = shape.in_channels, out = shape.out_channels;
    const int64_t slices = divide_up(in, int64_t{Tile::inputs});
    const int64_t wanted = std::clamp<int64_t>(blocks / slices, 1, affordable_chunks(shape));
    const int64_t tiles = divide_up(pixels, wanted * Tile::pixels);
    const int64_t chunk_pixels = std::min(tiles * Tile::pixels, longest_chunk);
    const int64_t chunks = divide_up(pixels, chunk_pixels);

    A* const parts = context.scratch.take<A>(chunks * out * in);
    PrologueSums<A> sums;
    if (args.d_scale || args.d_shift)
        sums = {chunks, slices, 2, in, PutPrologueSums<A>(args, context), context};
    const OnePass<V, T> task{UpstreamSource<V, T>(args),
                             PrologueSource<V, T>(args.x, args.prologue),
                             static_cast<const T*>(args.weight),
                             static_cast<T*>(args.d_x.data),
                             args.d_x.mode == GradMode::accumulate,
                             parts,
                             sums,
                             static_cast<int>(pixels),
                             static_cast<int>(in),
                             static_cast<int>(out),
                             static_cast<int>(chunk_pixels),
                             static_cast<int>(slices)};
    launch(kernel, blocks_for(chunks * slices, 1), one_pass_threads, 0, stream(), task);
    run_sum_splits(parts, chunks, out, in, in, packs_fit<A>(in, args.d_weight.data),
                   PutGradient<A>{ValuesWriter<A>(args.d_weight), static_cast<int>(in)});
}

/// Null, or why no kernel that keeps the sums of so many output channels can run.
inline const char* refuses_one_pass_of(int64_t most_outputs, const ConvBackward& args) {
    constexpr int64_t fewest_chunks = 16;
    if (!args.d_x || !args.d_weight) return "only one of the two gradients is wanted";
    if (args.shape.out_channels > most_outputs)
        return "a block's registers hold no sums of so many output channels";
    if (affordable_chunks(args.shape) < fewest_chunks) return "too few pixels beside so large a weight";
    if (!aligned(args.d_x.data)) return "a pointer is not aligned to 16 bytes";
    return refuses_pointwise_packs(args);
}

}  // namespace vitrine::VITRINE_GPU
