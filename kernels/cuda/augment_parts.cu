// Augmentation of a batch with several blocks an image: a launch for each round of passes.
//
// Why it is faster than a block an image: 32 blocks are a quarter of an H100's 132 multiprocessors, and each thread has
// 200 pixels of 224² to go through in every pass, byte by byte, while the other three quarters wait. Here a block
// makes 2,048 neighbouring pixels: 25 blocks are such an image, 800 a batch, and 8 pixels a thread.
//
// The blocks of an image must wait for each other between passes, and on a GPU they do so at the end of a launch. The host
// knows all programs, so it says what each pass is (augment_plan.h); the k-th passes of all images are one launch,
// whatever each of them does, and the longest program tells how many there are. random_resized_crop and a flip are
// three: weights, columns, which are made in the other order, and rows.
//
// Bytes: a pass reads its image once and writes it once, or only reads where it counts. Of 32 images of 224² each is
// 4.8 MB, 1.6 µs at 3 TB/s and 15 µs at 320 GB/s, where the L2 cache has not kept it.

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

constexpr int turns = 2;  // of a block through its part
constexpr int pixels_of_turn = augment_threads * 4;
constexpr int pixels_of_part = turns * pixels_of_turn;

/// Calls f with each 128 pixels that this warp has of a part of an image.
template <class F>
__device__ __forceinline__ void for_pixels(int part, int pixels, F f) {
    const int warp = static_cast<int>(threadIdx.x) / 32;
    for (int turn = 0; turn < turns; ++turn) {
        const int first = part * pixels_of_part + turn * pixels_of_turn + warp * 128;
        if (first < pixels) f(WarpPixels{first, pixels - first < 128 ? pixels - first : 128});
    }
}

/// Writes what make(pixels) makes.
template <class Make>
__device__ __forceinline__ void write_part(const AugmentPass& pass, int part, Make make) {
    for_pixels(part, pass.pixels(), [&](const WarpPixels& here) { store_pixels(pass.to, here, make(here)); });
}

__device__ inline void write_mixed(const AugmentPass& pass, const augment::Step& mixture,
                                   const AugmentChain& chain, int part) {
    write_part(pass, part, [&](const WarpPixels& here) {
        FourPixels four = chain.pixels(here);
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) four.at[j] = pixel_after(mixture, four.at[j]);
        return four;
    });
}

__device__ inline void write_sharpened(const AugmentPass& pass, float factor, int part) {
    const int row = pass.width * 3;
    write_part(pass, part, [&](const WarpPixels& here) {
        FourPixels four;
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) {
            const PixelPlace at = pass.place(here.index(j));
            const bool at_border =
                at.y == 0 || at.y + 1 == pass.height || at.x == 0 || at.x + 1 == pass.width;
            const uint8_t* from = pass.from + static_cast<int64_t>(at.y) * row + at.x * 3;
            four.at[j] = {sharpened(from, row, at_border, factor),
                          sharpened(from + 1, row, at_border, factor),
                          sharpened(from + 2, row, at_border, factor)};
        }
        return four;
    });
}

template <class Bytes>
__device__ inline void write_resized_rows(const AugmentPass& pass, const int32_t* axes, int part) {
    const AxisWeights<const int32_t> axis(axes + pass.axis, pass.out_height);
    const int64_t end = int64_t{pass.pixels()} * 3, part_end = int64_t{part + 1} * pixels_of_part * 3;
    const int64_t last = end < part_end ? end : part_end;
    int64_t at = int64_t{part} * pixels_of_part * 3 + threadIdx.x * sizeof(Bytes);
    for (; at < last; at += augment_threads * sizeof(Bytes)) resize_rows_of<Bytes>(pass, axis, at);
}

/// The block counts in its own memory first. Sums of integers do not depend on their order.
__device__ inline void count_values(const AugmentPass& pass, int part, ChainMemory& memory, int32_t* counts) {
    const int thread = static_cast<int>(threadIdx.x);
    for (int c = 0; c < 3; ++c) memory.counts[c][thread] = 0;
    __syncthreads();
    for_pixels(part, pass.pixels(), [&](const WarpPixels& here) {
        const FourPixels four = load_pixels(pass.from, here);
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) {
            if (!here.has(j)) continue;
            atomicAdd(&memory.counts[0][four.at[j].red], 1);
            atomicAdd(&memory.counts[1][four.at[j].green], 1);
            atomicAdd(&memory.counts[2][four.at[j].blue], 1);
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
    for_pixels(part, pass.pixels(), [&](const WarpPixels& here) {
        const FourPixels four = chain.pixels(here);
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) sum += here.has(j) ? augment::luma(four.at[j]) : 0;
    });
    sum = reduce_block<augment_threads>(sum, Add());
    if (threadIdx.x == 0) atomicAdd(total, sum);
}

/// The passes that look at no step before them.
__device__ inline void run_without_chain(const AugmentPass& pass, const AugmentLists& lists, int part,
                                         ChainMemory& memory) {
    switch (pass.kind) {
        case PassKind::columns:
            return write_part(
                pass, part, [&](const WarpPixels& here) { return resized_columns(pass, lists.axes, here); });
        case PassKind::rows:
            return rows_are_words(pass) ? write_resized_rows<uint32_t>(pass, lists.axes, part)
                                        : write_resized_rows<uint8_t>(pass, lists.axes, part);
        case PassKind::sharpen:
            return write_sharpened(pass, static_cast<float>(lists.steps[pass.last].reals[0]), part);
        default:
            return count_values(pass, part, memory, lists.statistics + pass.statistics);
    }
}

__device__ inline void run_with_chain(const AugmentPass& pass, const AugmentLists& lists, int part,
                                      ChainMemory& memory) {
    const AugmentChain chain(pass, lists, memory);
    switch (pass.kind) {
        case PassKind::sum_luma:
            return sum_luma(pass, chain, part, lists.statistics + pass.statistics);
        case PassKind::mix:
            return write_mixed(pass, lists.steps[pass.last], chain, part);
        default:
            return write_part(pass, part, [&](const WarpPixels& here) { return chain.pixels(here); });
    }
}

/// One round: `parts` blocks for each of its passes, which is enough for the largest.
__global__ void __launch_bounds__(augment_threads)
    run_passes(const uint4* passes, AugmentLists lists, int parts) {
    __shared__ ChainMemory memory;
    const int index = static_cast<int>(blockIdx.x) / parts;
    const int part = static_cast<int>(blockIdx.x) - index * parts;
    const AugmentPass pass = load_pass(passes, index);
    if (part * pixels_of_part >= pass.pixels()) return;

    if (reads_steps(pass.kind))
        run_with_chain(pass, lists, part, memory);
    else
        run_without_chain(pass, lists, part, memory);
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
    launch(run_passes, blocks_for(std::ssize(round) * parts, 1), augment_threads, 0, stream(),
           reinterpret_cast<const uint4*>(passes), lists, parts);
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
