// Reductions over neighbouring lanes of a warp, and over a whole block. Every participant gets the result,
// with the same bits: the tree is the same for all of them.
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

struct Add {
    template <class T>
    __device__ __forceinline__ T operator()(T a, T b) const {
        return a + b;
    }
};

/// Of a number and a NaN it may be either: a sum over the same values is what must spread the NaN.
struct Larger {
    template <class T>
    __device__ __forceinline__ T operator()(T a, T b) const {
        return b > a ? b : a;
    }
};

/// Over groups of `width` lanes (a power of two). All lanes of the warp must call it.
template <int width, class T, class Operation>
__device__ __forceinline__ T reduce_lanes(T value, Operation operation) {
    VITRINE_UNROLL
    for (int distance = width / 2; distance > 0; distance /= 2) {
        value = operation(value, __shfl_xor_sync(0xFFFFFFFFu, value, distance));
    }
    return value;
}

/// Over a block of `threads` threads (whole warps). All of them must call it.
template <int threads, class T, class Operation>
__device__ __forceinline__ T reduce_block(T value, Operation operation) {
    constexpr int warps = threads / 32;
    __shared__ T of_warp[warps];
    value = reduce_lanes<32>(value, operation);
    __syncthreads();  // of_warp may still be read from the call before
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
    __syncthreads();
    value = of_warp[0];
    VITRINE_UNROLL
    for (int warp = 1; warp < warps; ++warp) value = operation(value, of_warp[warp]);
    return value;
}

}  // namespace vitrine::VITRINE_GPU
