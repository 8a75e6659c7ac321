// Tables and moves: the steps since an image was whole, as every block of a pass knows them.
//
// A block walks through the steps by itself, which is a handful of operations a step, for each thread owns an entry of
// the tables and one of the moves. It waits only where values have been counted.
#pragma once

#include "kernels/cuda/augment_pass.h"
#include "kernels/cuda/augment_pixels.h"

namespace vitrine::VITRINE_GPU {

struct ChainMemory {
    uint8_t tables[3][256];
    AugmentMove moves[augment_most_moves];
    int32_t counts[3][256];  // first how many pixels have a value, then how many are darker
    int32_t lowest[3];       // of the values that there are
    int32_t highest[3];
};

class AugmentChain {
  public:
    /// All threads of a block together.
    __device__ AugmentChain(const AugmentPass& pass, const AugmentLists& lists, ChainMemory& memory);

    /// Of what the steps make. All lanes together.
    __device__ FourPixels pixels(const WarpPixels& here) const;

  private:
    /// What becomes of the value that has this thread's number, in each channel.
    struct Entry {
        uint8_t value[3];
    };

    static __device__ __forceinline__ int thread() { return static_cast<int>(threadIdx.x); }
    __device__ __forceinline__ augment::Pixel looked_up(augment::Pixel p) const {
        if (!has_tables_) return p;
        return {memory_.tables[0][p.red], memory_.tables[1][p.green], memory_.tables[2][p.blue]};
    }

    template <class F>
    __device__ __forceinline__ void follow(Entry& entry, F f);
    __device__ __forceinline__ void add(const augment::Step& step, Entry& entry);
    __device__ __forceinline__ void add_histogram(const augment::Step& step, Entry& entry);
    __device__ __forceinline__ void add_up_counts();
    __device__ FourPixels moved(const WarpPixels& here) const;

    const AugmentPass& pass_;
    const AugmentLists& lists_;
    ChainMemory& memory_;
    int moves_ = 0;
    bool has_tables_ = false;
};

__device__ inline AugmentChain::AugmentChain(const AugmentPass& pass, const AugmentLists& lists,
                                             ChainMemory& memory)
    : pass_(pass), lists_(lists), memory_(memory) {
    const auto own = static_cast<uint8_t>(thread());
    Entry entry{{own, own, own}};
    for (int32_t s = pass.first; s < pass.last; ++s) add(lists.steps[s], entry);
    VITRINE_UNROLL
    for (int c = 0; c < 3; ++c) memory_.tables[c][thread()] = entry.value[c];
    __syncthreads();
}

/// Follows the tables, and the colours that moves fill with, by f(value, channel).
template <class F>
__device__ __forceinline__ void AugmentChain::follow(Entry& entry, F f) {
    VITRINE_UNROLL
    for (int c = 0; c < 3; ++c) entry.value[c] = f(entry.value[c], c);
    if (thread() < moves_) {
        uint8_t* fill = memory_.moves[thread()].fill;
        VITRINE_UNROLL
        for (int c = 0; c < 3; ++c) fill[c] = f(fill[c], c);
    }
    has_tables_ = true;
}

__device__ __forceinline__ void AugmentChain::add(const augment::Step& step, Entry& entry) {
    switch (kind_of(step.op)) {
        case StepKind::move:
            if (thread() == moves_) memory_.moves[moves_] = move_of(step);
            ++moves_;
            return;
        case StepKind::histogram:
            return add_histogram(step, entry);
        case StepKind::luma: {
            const int64_t sum = lists_.statistics[step.integers[0]];
            const uint8_t mean = augment::mean_luma(sum, int64_t{pass_.height} * pass_.width);
            const auto factor = static_cast<float>(step.reals[0]);
            return follow(entry, [=](uint8_t v, int) { return augment::blend(mean, v, factor); });
        }
        default:
            return follow(entry, [&](uint8_t v, int) { return value_after(step, v); });
    }
}

/// Counted were the values of the image before all tables: those that an entry leads to are as many more.
__device__ __forceinline__ void AugmentChain::add_histogram(const augment::Step& step, Entry& entry) {
    const int32_t* counted = lists_.statistics + step.integers[0];
    __syncthreads();  // the counts may still be read for the step before
    for (int c = 0; c < 3; ++c) memory_.counts[c][thread()] = 0;
    __syncthreads();
    VITRINE_UNROLL
    for (int c = 0; c < 3; ++c) atomicAdd(&memory_.counts[c][entry.value[c]], counted[c * 256 + thread()]);
    __syncthreads();
    add_up_counts();
    __syncthreads();
    if (step.op == augment::OpCode::autocontrast) {
        follow(entry,
               [&](uint8_t v, int c) { return augment::stretch(v, memory_.lowest[c], memory_.highest[c]); });
        return;
    }
    // augment::equalize_step: the pixels but for those of the highest value are the ones that are darker.
    follow(entry, [&](uint8_t v, int c) {
        const int64_t each = memory_.counts[c][memory_.highest[c]] / 255;
        return each == 0 ? v : augment::equalized(memory_.counts[c][v], each);
    });
}

/// A warp for each channel goes through the values, 32 at a time.
__device__ __forceinline__ void AugmentChain::add_up_counts() {
    const int channel = thread() / 32, lane = thread() % 32;
    if (channel >= 3) return;
    int32_t* counts = memory_.counts[channel];
    int32_t darker = 0;
    int lowest = 255, highest = 0;
    for (int first = 0; first < 256; first += 32) {
        const int32_t count = counts[first + lane];
        int32_t sum = count;  // of the values up to this one
        VITRINE_UNROLL
        for (int distance = 1; distance < 32; distance *= 2) {
            const int32_t before = __shfl_up_sync(0xFFFFFFFFu, sum, static_cast<unsigned>(distance));
            if (lane >= distance) sum += before;
        }
        counts[first + lane] = darker + sum - count;
        darker += __shfl_sync(0xFFFFFFFFu, sum, 31);
        const unsigned used = __ballot_sync(0xFFFFFFFFu, count != 0);
        if (used == 0) continue;
        if (lowest == 255) lowest = first + __ffs(static_cast<int>(used)) - 1;
        highest = first + 31 - __clz(static_cast<int>(used));
    }
    if (lane == 0) {
        memory_.lowest[channel] = lowest;
        memory_.highest[channel] = highest;
    }
}

__device__ inline FourPixels AugmentChain::pixels(const WarpPixels& here) const {
    if (moves_ > 0) return moved(here);
    FourPixels four = load_pixels(pass_.from, here);
    VITRINE_UNROLL
    for (int j = 0; j < 4; ++j) four.at[j] = looked_up(four.at[j]);
    return four;
}

/// All four go back through the moves together: the first that leads one out of its image gives the colour.
__device__ inline FourPixels AugmentChain::moved(const WarpPixels& here) const {
    PixelPlace at[4];
    int left_by[4];
    VITRINE_UNROLL
    for (int j = 0; j < 4; ++j) {
        at[j] = pass_.place(here.index(j));
        left_by[j] = -1;
    }
    for (int m = moves_ - 1; m >= 0; --m) {
        const AugmentMove& move = memory_.moves[m];
        const int width = m == 0 ? pass_.width : memory_.moves[m - 1].out_width;
        const int height = m == 0 ? pass_.height : memory_.moves[m - 1].out_height;
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) {
            if (left_by[j] >= 0) continue;
            at[j] = moved_back(move, at[j], width, height, lists_.zooms);
            if (at[j].x < 0 || at[j].x >= width || at[j].y < 0 || at[j].y >= height) left_by[j] = m;
        }
    }
    FourPixels four;
    VITRINE_UNROLL
    for (int j = 0; j < 4; ++j) {
        const uint8_t* from = pass_.from + (static_cast<int64_t>(at[j].y) * pass_.width + at[j].x) * 3;
        four.at[j] = left_by[j] >= 0 ? pixel_at(memory_.moves[left_by[j]].fill) : looked_up(pixel_at(from));
    }
    return four;
}

}  // namespace vitrine::VITRINE_GPU
