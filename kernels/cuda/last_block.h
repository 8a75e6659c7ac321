// The last block finishes: whoever arrives last of the blocks that made parts puts the parts together, so that this
// takes no launch of its own.
//
// Which block that is depends on chance, what it does must not: parts lie in memory by their number and are joined in
// the order of the numbers, so the bits are always the same.
//
// A block's parts are handed on as CUDA's memory model wants it: a barrier gathers what the block's threads have
// written, one thread's fence releases it, and the atomic increment says so. The last one's second fence and barrier
// acquire what all others released. Kernels read parts by ordinary loads: a ReadOnly would promise that nobody writes
// them during the launch.
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

/// What the arrivals of a launch are counted for.
enum class Arrivals : unsigned char { chunks, splits };

/// Counters of arrivals, all 0. Every launch may use them from the first one on, since launches follow one another
/// and leave zeros behind.
unsigned* arrival_counters(Arrivals what, int64_t count);

/// Whether the block is the last of `expected` that arrive at the counter, which is then 0 again. Called by all
/// threads of a block; all get the answer. It begins and ends with a barrier.
__device__ __forceinline__ bool arrives_last(unsigned* arrivals, int expected) {
    __shared__ unsigned before;
    const unsigned last = static_cast<unsigned>(expected) - 1;
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        before = atomicInc(arrivals, last);
        __threadfence();
    }
    __syncthreads();
    return before == last;
}

}  // namespace vitrine::VITRINE_GPU
