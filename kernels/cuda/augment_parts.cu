// Augmentation of a batch with several blocks an image: a launch for each round of passes.
//
// Why it is faster than a block an image: 32 blocks are a quarter of an H100's 132 multiprocessors, and each thread has
// 200 pixels of 224² to go through in every pass, byte by byte, while the other three quarters wait. Here a block
// makes 2,048 neighbouring pixels, 25 blocks are such an image and 800 a batch, and a thread makes 8 pixels, four at a
// time: 12 bytes are three words where addresses allow.
//
// Blocks of an image must wait for each other between passes, which on a GPU is the end of a launch. The host knows all
// programs, so it says what each pass is (augment_plan.h), and the k-th passes of all images are one launch, whatever
// they do. random_resized_crop and a flip are four launches: weights, columns, rows, flip. A launch that waits for the one
// before costs 2 to 3 µs, which is what 200 pixels of a thread took many times over.
//
// Bytes: a pass reads its image once and writes it once; a pass that counts only reads. Of 32 images of 224² each such
// access is 4.8 MB, 1.6 µs at 3 TB/s and 15 µs at 320 GB/s, if it does not find them in the L2 cache.

#include <algorithm>
#include <vector>

#include "kernels/cuda/augment_chain.h"
#include "kernels/cuda/augment_part_resize.h"
#include "kernels/cuda/augment_parts.h"
#include "kernels/cuda/augment_plan.h"
#include "kernels/cuda/augment_zooms.h"
#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/upload.h"
#include "kernels/runtime.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int quads_of_thread = 2;
constexpr int pixels_of_part = augment_threads * quads_of_thread * 4;

/// Calls f(first, count) for this thread's fours of a part of `pixels` pixels. Neighbouring threads have neighbours.
template <class F>
__device__ __forceinline__ void for_quads(int part, int pixels, F f) {
    VITRINE_UNROLL
    for (int k = 0; k < quads_of_thread; ++k) {
        const int first = part * pixels_of_part + (k * augment_threads + static_cast<int>(threadIdx.x)) * 4;
        if (first < pixels) f(first, pixels - first < 4 ? pixels - first : 4);
    }
}

/// Writes what make(first, count) makes.
template <class Make>
__device__ __forceinline__ void write_part(const AugmentPass& pass, int part, Make make) {
    for_quads(part, pass.pixels(), [&](int first, int count) {
        store_quad(pass.to + static_cast<int64_t>(first) * 3, make(first, count), count);
    });
}

__device__ inline void write_mixed(const AugmentPass& pass, const augment::Step& mixture,
                                   const AugmentChain& chain, int part) {
    write_part(pass, part, [&](int first, int count) {
        Quad quad = chain.quad(first, count);
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) quad.at[j] = pixel_after(mixture, quad.at[j]);
        return quad;
    });
}

__device__ inline void write_sharpened(const AugmentPass& pass, float factor, int part) {
    const int row = pass.width * 3;
    write_part(pass, part, [&](int first, int count) {
        const QuadPlaces places(first, count, pass.width);
        Quad quad;
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) {
            const PixelPlace at = places.at[j];
            const bool at_border =
                at.y == 0 || at.y + 1 == pass.height || at.x == 0 || at.x + 1 == pass.width;
            const uint8_t* from = pass.from + static_cast<int64_t>(at.y) * row + at.x * 3;
            quad.at[j] = {sharpened(from, row, at_border, factor),
                          sharpened(from + 1, row, at_border, factor),
                          sharpened(from + 2, row, at_border, factor)};
        }
        return quad;
    });
}

/// The block counts in its own memory first. Sums of integers do not depend on their order.
__device__ inline void count_values(const AugmentPass& pass, int part, ChainMemory& memory, int32_t* counts) {
    const int thread = static_cast<int>(threadIdx.x);
    for (int c = 0; c < 3; ++c) memory.counts[c][thread] = 0;
    __syncthreads();
    for_quads(part, pass.pixels(), [&](int first, int count) {
        const Quad quad = load_quad(pass.from + static_cast<int64_t>(first) * 3, count);
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) {
            if (j >= count) break;
            atomicAdd(&memory.counts[0][quad.at[j].red], 1);
            atomicAdd(&memory.counts[1][quad.at[j].green], 1);
            atomicAdd(&memory.counts[2][quad.at[j].blue], 1);
        }
    });
    __syncthreads();
    for (int c = 0; c < 3; ++c) {
        const int32_t count = memory.counts[c][thread];
        if (count != 0) atomicAdd(&counts[c * 256 + thread], count);
    }
}

/// Below 2³¹, since images have fewer than 2²² pixels.
__device__ inline void sum_luma(const AugmentPass& pass, const AugmentChain& chain, int part,
                                int32_t* total) {
    int32_t sum = 0;
    for_quads(part, pass.pixels(), [&](int first, int count) {
        const Quad quad = chain.quad(first, count);
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) sum += j < count ? augment::luma(quad.at[j]) : 0;
    });
    sum = reduce_block<augment_threads>(sum, Add());
    if (threadIdx.x == 0) atomicAdd(total, sum);
}

/// One round: `parts` blocks for each of its passes, which is enough for the largest.
__global__ void __launch_bounds__(augment_threads)
    run_passes(ReadOnly<AugmentPass> passes, AugmentLists lists, int parts) {
    __shared__ ChainMemory memory;
    const int index = static_cast<int>(blockIdx.x) / parts;
    const int part = static_cast<int>(blockIdx.x) - index * parts;
    const AugmentPass pass = passes[index];
    if (part * pixels_of_part >= pass.pixels()) return;

    if (pass.kind == PassKind::columns)
        return write_part(pass, part, [&](int first, int count) {
            return resized_columns(pass, lists.axes, first, count);
        });
    if (pass.kind == PassKind::rows)
        return write_part(pass, part,
                          [&](int first, int count) { return resized_rows(pass, lists.axes, first, count); });
    if (pass.kind == PassKind::sharpen)
        return write_sharpened(pass, static_cast<float>(lists.steps[pass.last].reals[0]), part);
    if (pass.kind == PassKind::count_values)
        return count_values(pass, part, memory, lists.statistics + pass.statistics);
    const AugmentChain chain(pass, lists, memory);
    if (pass.kind == PassKind::sum_luma)
        return sum_luma(pass, chain, part, lists.statistics + pass.statistics);
    if (pass.kind == PassKind::mix) return write_mixed(pass, lists.steps[pass.last], chain, part);
    write_part(pass, part, [&](int first, int count) { return chain.quad(first, count); });
}

/// A thread an output, `parts` blocks for each axis.
__global__ void __launch_bounds__(augment_threads)
    find_weights(ReadOnly<AugmentAxis> axes, int32_t* rooms, int parts) {
    const int index = static_cast<int>(blockIdx.x) / parts;
    const int out =
        (static_cast<int>(blockIdx.x) - index * parts) * augment_threads + static_cast<int>(threadIdx.x);
    const AugmentAxis axis = axes[index];
    if (out < axis.output)
        find_weights_of({axis.input, axis.output}, out, AxisWeights<int32_t>(rooms + axis.room, axis.output));
}

// The host's side.

/// The weights of all axes of the batch; null if there are none.
const int32_t* launch_find_weights(const AugmentPlan& plan, Context& context) {
    if (plan.axes.empty()) return nullptr;
    int longest = 0;
    for (const AugmentAxis& axis : plan.axes) longest = std::max(longest, axis.output);
    const int parts = divide_up(longest, augment_threads);
    auto* rooms = context.scratch.take<int32_t>(plan.axis_words);
    launch(find_weights, blocks_for(std::ssize(plan.axes) * parts, 1), augment_threads, 0, stream(),
           uploaded<AugmentAxis>(plan.axes, context), rooms, parts);
    return rooms;
}

int32_t* zeroed(int64_t words, Context& context) {
    if (words == 0) return nullptr;
    auto* memory = context.scratch.take<int32_t>(words);
    runtime(context.device).zero(memory, static_cast<size_t>(words) * sizeof(int32_t));
    return memory;
}

void launch_round(const std::vector<AugmentPass>& round, const AugmentPass* passes,
                  const AugmentLists& lists) {
    int most = 0;
    for (const AugmentPass& pass : round) most = std::max(most, pass.pixels());
    const int parts = divide_up(most, pixels_of_part);
    launch(run_passes, blocks_for(std::ssize(round) * parts, 1), augment_threads, 0, stream(), passes, lists,
           parts);
}

}  // namespace

void augment_parts_of_images(const AugmentImages& args, Context& context) {
    if (args.batch == 0) return;
    const int64_t area = divide_up(largest_between(args) * 3, int64_t{256}) * 256;
    ListedZooms listed(args.steps);
    AugmentPlan plan(args, listed.steps, context.scratch.take<uint8_t>(args.batch * 2 * area), area);
    const AugmentLists lists{uploaded<augment::Step>(listed.steps, context),
                             uploaded<int32_t>(listed.places, context), launch_find_weights(plan, context),
                             zeroed(plan.statistics_words, context)};
    std::vector<AugmentPass> all;
    for (const auto& round : plan.rounds) all.insert(all.end(), round.begin(), round.end());
    const AugmentPass* passes = uploaded<AugmentPass>(all, context);
    for (const auto& round : plan.rounds) {
        launch_round(round, passes, lists);
        passes += round.size();
    }
}

}  // namespace vitrine::VITRINE_GPU
