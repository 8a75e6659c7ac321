// Blocks that hand a value to another, share one under a lock, or wait for one.

#include "kernels/cuda/cuda_compat.h"
#include "kernels/simt/memory.h"
#include "tests/simt/fences.h"

namespace vitrine::simt::test {
namespace {

constexpr unsigned full_mask = 0xFFFFFFFFu;
constexpr unsigned threads = 64;

template <Handover how>
__global__ void hand_over_kernel(int* value, int* flags, int* out) {
    const bool releases = how != Handover::no_release && how != Handover::relaxed;
    const bool acquires = how != Handover::no_acquire && how != Handover::relaxed;
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        *value = 42;
        if (releases) __threadfence();
        if (how == Handover::plain_flag) {
            flags[0] = 1;
        } else if (how == Handover::volatile_flag) {
            *static_cast<volatile int*>(flags) = 1;
        } else {
            atomicExch(flags, 1);
        }
        if (how == Handover::written_over) flags[0] = 1;
    }
    if (how == Handover::through_a_third && blockIdx.x == 1 && threadIdx.x == 0) {
        if (atomicAdd(&flags[0], 0) == 0) return;
        __threadfence();
        atomicOr(&flags[1], 1);
    }
    const unsigned taker = how == Handover::through_a_third ? 2 : 1;
    if (blockIdx.x != taker) return;
    int seen = 0;
    if (threadIdx.x == 0) {
        if (how == Handover::plain_flag) {
            seen = flags[0];
        } else if (how == Handover::volatile_flag) {
            seen = *static_cast<volatile int*>(flags);
        } else {
            seen = atomicAdd(&flags[taker - 1], 0);
        }
        if (acquires) __threadfence();
        if (how != Handover::fences_and_shuffle && seen != 0) *out = *value;
    }
    if (how != Handover::fences_and_shuffle) return;
    seen = __shfl_sync(full_mask, seen, 0);
    if (seen != 0 && threadIdx.x == 1) *out = *value;
}

__global__ void change_what_all_read_kernel(bool fenced, int* settings, unsigned* count, int* out) {
    out[blockIdx.x * blockDim.x + threadIdx.x] = settings[0];
    __syncthreads();
    if (threadIdx.x != 0) return;
    if (fenced) __threadfence();
    const bool is_last = atomicAdd(count, 1) == gridDim.x - 1;
    if (fenced) __threadfence();
    if (is_last) settings[0] = 2;
}

__global__ void read_what_all_added_kernel(bool fenced, int* sum, unsigned* count, int* out) {
    atomicAdd(sum, 1);
    __syncthreads();
    if (threadIdx.x != 0) return;
    if (fenced) __threadfence();
    const bool is_last = atomicAdd(count, 1) == gridDim.x - 1;
    if (fenced) __threadfence();
    if (is_last) *out = *sum;
}

template <Lock how>
__global__ void add_under_lock_kernel(int* lock, int* sum) {
    while (atomicCAS(lock, 0, 1) != 0) {
    }
    if (how == Lock::both_fences || how == Lock::after_taking_it) __threadfence();
    *sum = *sum + 1;
    if (how == Lock::both_fences || how == Lock::before_leaving_it) __threadfence();
    atomicExch(lock, 0);
}

__global__ void hand_over_by_exchange_kernel(int* value, int* flag, int* out) {
    if (threadIdx.x != 0) return;
    if (blockIdx.x == 0) {
        *value = 42;
        __threadfence();
        atomicCAS(flag, 0, 1);
    } else {
        atomicAdd(flag, 0);
        __threadfence();
        *out = *value;
    }
}

__global__ void wait_for_ever_kernel(int how, int* flags) {
    if (how == 0) {
        while (*static_cast<volatile int*>(flags) == 0) {
        }
    } else if (how == 1) {
        while (atomicAdd(flags, 0) == 0) {
        }
    } else if (how == 2) {
        while (atomicCAS(flags, 1, 2) != 1) {
        }
    } else {
        volatile int* const own = flags + threadIdx.x;
        while (__all_sync(full_mask, *own) == 0) {
        }
    }
}

__global__ void look_often_kernel(volatile int* word, int* out) {
    int sum = 0;
    for (int i = 0; i < 300000; ++i) {
        sum += *word;
        if (i % 1000 == 0) out[threadIdx.x] = sum;
    }
}

}  // namespace

void hand_over(Handover how, int* value, int* flags, int* out) {
    const auto run = [&](auto kernel) { launch(kernel, 3, 32, 0, nullptr, value, flags, out); };
    switch (how) {
        case Handover::fences:
            return run(hand_over_kernel<Handover::fences>);
        case Handover::through_a_third:
            return run(hand_over_kernel<Handover::through_a_third>);
        case Handover::fences_and_shuffle:
            return run(hand_over_kernel<Handover::fences_and_shuffle>);
        case Handover::no_release:
            return run(hand_over_kernel<Handover::no_release>);
        case Handover::no_acquire:
            return run(hand_over_kernel<Handover::no_acquire>);
        case Handover::plain_flag:
            return run(hand_over_kernel<Handover::plain_flag>);
        case Handover::volatile_flag:
            return run(hand_over_kernel<Handover::volatile_flag>);
        case Handover::relaxed:
            return run(hand_over_kernel<Handover::relaxed>);
        case Handover::written_over:
            return run(hand_over_kernel<Handover::written_over>);
    }
}

void change_what_all_read(bool fenced, int* settings, unsigned* count, int* out, unsigned blocks) {
    launch(change_what_all_read_kernel, blocks, threads, 0, nullptr, fenced, settings, count, out);
}

void read_what_all_added(bool fenced, int* sum, unsigned* count, int* out, unsigned blocks) {
    launch(read_what_all_added_kernel, blocks, threads, 0, nullptr, fenced, sum, count, out);
}

void add_under_lock(Lock how, int* lock, int* sum, unsigned blocks) {
    const auto run = [&](auto kernel) { launch(kernel, blocks, threads, 0, nullptr, lock, sum); };
    switch (how) {
        case Lock::both_fences:
            return run(add_under_lock_kernel<Lock::both_fences>);
        case Lock::after_taking_it:
            return run(add_under_lock_kernel<Lock::after_taking_it>);
        case Lock::before_leaving_it:
            return run(add_under_lock_kernel<Lock::before_leaving_it>);
        case Lock::none:
            return run(add_under_lock_kernel<Lock::none>);
    }
}

void hand_over_by_exchange(int* value, int* flag, int flag_is, int* out) {
    copy_from_host(flag, &flag_is, sizeof(int));
    launch(hand_over_by_exchange_kernel, 2, 32, 0, nullptr, value, flag, out);
}

void wait_for_ever(int how, int* flags) { launch(wait_for_ever_kernel, 2, 32, 0, nullptr, how, flags); }

void look_often(int* word, int* out) { launch(look_often_kernel, 1, threads, 0, nullptr, word, out); }

}  // namespace vitrine::simt::test
