// Blocks, and warps, that leave sums for the last of them to add up.

#include "tests/simt/fences.h"

#include "kernels/cuda/cuda_compat.h"

namespace vitrine::simt::test {
namespace {

constexpr unsigned full_mask = 0xFFFFFFFFu;
constexpr unsigned threads = 64;

/// By all threads of a block.
__device__ __forceinline__ int sum_of_block(int value) {
    __shared__ int sum;
    if (threadIdx.x == 0) sum = 0;
    __syncthreads();
    atomicAdd(&sum, value);
    __syncthreads();
    return sum;
}

template <LastBlock how>
__global__ void sum_by_last_block_kernel(const int* values, int* partials, unsigned* count, int* total) {
    __shared__ bool is_last;
    const unsigned thread = threadIdx.x;
    const int sum = sum_of_block(values[blockIdx.x * blockDim.x + thread]);
    if (how == LastBlock::write_after_fence) __threadfence();
    if (thread == 0) partials[blockIdx.x] = sum;
    if (how == LastBlock::early_read && thread == 0) *total = partials[(blockIdx.x + 1) % gridDim.x];

    if (how == LastBlock::fence_of_block) __threadfence_block();
    const bool wrong_fence = how == LastBlock::no_fence || how == LastBlock::fence_of_block ||
                             how == LastBlock::write_after_fence || how == LastBlock::fence_after_counter;
    const bool one_fences = how == LastBlock::fenced_by_counter || how == LastBlock::fence_of_another;
    const unsigned who = how == LastBlock::fence_of_another ? 1 : 0;
    if (!wrong_fence && (!one_fences || thread == who)) __threadfence();
    if (how == LastBlock::fence_and_barrier) __syncthreads();

    if (thread == 0) {
        const unsigned last = gridDim.x - 1;
        if (how == LastBlock::plain_counter) {
            is_last = (*count)++ == last;
        } else if (how == LastBlock::own_counter) {
            is_last = atomicInc(count + blockIdx.x, gridDim.x) == 0 && blockIdx.x == last;
        } else if (how == LastBlock::not_the_last) {
            is_last = atomicInc(count, gridDim.x) == 0;
        } else {
            is_last = atomicInc(count, gridDim.x) == last;
        }
        if (how == LastBlock::fenced_by_counter || how == LastBlock::fence_after_counter) __threadfence();
    }
    if (how != LastBlock::no_barrier) __syncthreads();
    if (!is_last) return;
    if (how == LastBlock::fence_and_barrier) __threadfence();

    int mine = 0;
    for (unsigned i = thread; i < gridDim.x; i += blockDim.x) mine += partials[i];
    const int all = sum_of_block(mine);
    if (thread != 0) return;
    *total = all;
    *count = 0;
}

__global__ void sum_by_exchange_kernel(const int* values, int* partials, unsigned* count, int* total) {
    __shared__ bool is_last;
    const int sum = sum_of_block(values[blockIdx.x * blockDim.x + threadIdx.x]);
    if (threadIdx.x == 0) {
        partials[blockIdx.x] = sum;
        __threadfence_system();
        unsigned seen = 0;
        for (unsigned expected = 1; expected != seen;) {
            expected = seen;
            seen = atomicCAS(count, expected, expected + 1);
        }
        is_last = seen == gridDim.x - 1;
    }
    __syncthreads();
    if (!is_last) return;
    int mine = 0;
    for (unsigned i = threadIdx.x; i < gridDim.x; i += blockDim.x) mine += partials[i];
    const int all = sum_of_block(mine);
    if (threadIdx.x != 0) return;
    *total = all;
    *count = 0;
}

template <Writers how>
__global__ void sum_of_all_writers_kernel(int* values, unsigned* count, int* total) {
    __shared__ bool is_last;
    const unsigned thread = threadIdx.x;
    values[blockIdx.x * blockDim.x + thread] = 1;
    if (how == Writers::each_itself) __threadfence();
    if (how == Writers::thread_0_before_barrier && thread == 0) __threadfence();
    if (how != Writers::thread_0_without_barrier) __syncthreads();
    if (thread == 0) {
        if (how == Writers::thread_0_after_barrier || how == Writers::thread_0_without_barrier) {
            __threadfence();
        }
        is_last = atomicAdd(count, 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (!is_last) return;
    int mine = 0;
    for (unsigned i = 0; i < gridDim.x; ++i) mine += values[i * blockDim.x + thread];
    const int all = sum_of_block(mine);
    if (thread == 0) *total = all;
}

template <bool synchronised>
__global__ void sum_by_last_warp_kernel(int* values, unsigned* count, int* total) {
    const unsigned lane = threadIdx.x % 32;
    const unsigned warps = gridDim.x * blockDim.x / 32;
    values[blockIdx.x * blockDim.x + threadIdx.x] = 1;
    if (synchronised) __syncwarp();
    unsigned before = 0;
    if (lane == 0) {
        __threadfence();
        before = atomicAdd(count, 1);
        __threadfence();
    }
    if (synchronised) __syncwarp();
    before = __shfl_sync(full_mask, before, 0);
    if (before != warps - 1) return;
    for (unsigned i = 0; i < warps; ++i) atomicAdd(total, values[i * 32 + lane]);
}

template <LastWarp how>
__device__ __forceinline__ void fence_of() {
    if (how == LastWarp::fence_of_device) {
        __threadfence();
    } else {
        __threadfence_block();
    }
}

template <LastWarp how>
__global__ void sum_by_last_warp_of_block_kernel(unsigned* counts, int* left, int* totals) {
    constexpr bool in_global = how == LastWarp::in_global_memory || how == LastWarp::counter_of_all;
    __shared__ unsigned shared_count;
    __shared__ int shared_left[4];
    if (threadIdx.x == 0) shared_count = 0;
    __syncthreads();
    unsigned* const count = how == LastWarp::counter_of_all ? counts
                            : in_global                     ? counts + blockIdx.x
                                                            : &shared_count;
    int* const mine = in_global ? left + blockIdx.x * 4 : shared_left;
    const unsigned warps = how == LastWarp::counter_of_all ? gridDim.x * 4 : 4;
    if (threadIdx.x % 32 != 0) return;
    mine[threadIdx.x / 32] = 1;
    if (how != LastWarp::no_fence) fence_of<how>();
    if (atomicAdd(count, 1) != warps - 1) return;
    if (how != LastWarp::no_second_fence) fence_of<how>();
    const int* const all = how == LastWarp::counter_of_all ? left : mine;
    int sum = 0;
    for (unsigned i = 0; i < warps; ++i) sum += all[i];
    totals[blockIdx.x] = sum;
}

__device__ unsigned finished_blocks;
__device__ int partial_sums[16];

__global__ void sum_in_variables_kernel(bool fenced, int* total) {
    if (threadIdx.x != 0) return;
    partial_sums[blockIdx.x] = 1;
    if (fenced) __threadfence();
    if (atomicInc(&finished_blocks, gridDim.x - 1) != gridDim.x - 1) return;
    if (fenced) __threadfence();
    int sum = 0;
    for (const int partial : partial_sums) sum += partial;
    *total = sum;
}

template <LastBlock how>
void run_last_block(const int* values, int* partials, unsigned* count, int* total, unsigned blocks) {
    launch(sum_by_last_block_kernel<how>, blocks, threads, 0, nullptr, values, partials, count, total);
}

template <Writers how>
void run_writers(int* values, unsigned* count, int* total, unsigned blocks) {
    launch(sum_of_all_writers_kernel<how>, blocks, threads, 0, nullptr, values, count, total);
}

}  // namespace

void sum_by_last_block(LastBlock how, const int* values, int* partials, unsigned* count, int* total,
                       unsigned blocks) {
    switch (how) {
#define VITRINE_CASE(name) \
    case LastBlock::name:  \
        return run_last_block<LastBlock::name>(values, partials, count, total, blocks)
        VITRINE_CASE(sample);
        VITRINE_CASE(fenced_by_counter);
        VITRINE_CASE(fence_and_barrier);
        VITRINE_CASE(no_fence);
        VITRINE_CASE(no_barrier);
        VITRINE_CASE(fence_after_counter);
        VITRINE_CASE(fence_of_block);
        VITRINE_CASE(fence_of_another);
        VITRINE_CASE(write_after_fence);
        VITRINE_CASE(own_counter);
        VITRINE_CASE(not_the_last);
        VITRINE_CASE(plain_counter);
        VITRINE_CASE(early_read);
#undef VITRINE_CASE
        case LastBlock::by_exchange:
            launch(sum_by_exchange_kernel, blocks, threads, 0, nullptr, values, partials, count, total);
    }
}

void sum_of_all_writers(Writers how, int* values, unsigned* count, int* total, unsigned blocks) {
    switch (how) {
        case Writers::each_itself:
            return run_writers<Writers::each_itself>(values, count, total, blocks);
        case Writers::thread_0_after_barrier:
            return run_writers<Writers::thread_0_after_barrier>(values, count, total, blocks);
        case Writers::thread_0_without_barrier:
            return run_writers<Writers::thread_0_without_barrier>(values, count, total, blocks);
        case Writers::thread_0_before_barrier:
            return run_writers<Writers::thread_0_before_barrier>(values, count, total, blocks);
        case Writers::lane_0_after_syncwarp:
            launch(sum_by_last_warp_kernel<true>, blocks, threads, 0, nullptr, values, count, total);
            return;
        case Writers::lane_0_without_syncwarp:
            launch(sum_by_last_warp_kernel<false>, blocks, threads, 0, nullptr, values, count, total);
    }
}

void sum_by_last_warp_of_block(LastWarp how, unsigned* counts, int* left, int* totals) {
    const auto run = [&](auto kernel) { launch(kernel, 4, 128, 0, nullptr, counts, left, totals); };
    switch (how) {
        case LastWarp::fence_of_block:
            return run(sum_by_last_warp_of_block_kernel<LastWarp::fence_of_block>);
        case LastWarp::fence_of_device:
            return run(sum_by_last_warp_of_block_kernel<LastWarp::fence_of_device>);
        case LastWarp::in_global_memory:
            return run(sum_by_last_warp_of_block_kernel<LastWarp::in_global_memory>);
        case LastWarp::no_fence:
            return run(sum_by_last_warp_of_block_kernel<LastWarp::no_fence>);
        case LastWarp::no_second_fence:
            return run(sum_by_last_warp_of_block_kernel<LastWarp::no_second_fence>);
        case LastWarp::counter_of_all:
            return run(sum_by_last_warp_of_block_kernel<LastWarp::counter_of_all>);
    }
}

void sum_in_variables(bool fenced, int* total) {
    launch(sum_in_variables_kernel, 16, 32, 0, nullptr, fenced, total);
}

}  // namespace vitrine::simt::test
