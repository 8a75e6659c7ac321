// What every kernel file of this folder starts from: CUDA's words, the kernel contract, and the few device
// functions that all kernels share.
//
// These files compile twice: with nvcc into vitrine::cuda, for a GPU, and as host C++ into vitrine::simt, for
// the executor that runs them thread by thread. Everything lies in `namespace vitrine::VITRINE_GPU`; beyond
// that no kernel knows which of the two it is.
#pragma once

#include <type_traits>
#include <utility>

#include "kernels/cuda/cuda_compat.h"
#include "kernels/kernels.h"

// A build may choose another name, to have a changed copy of a kernel beside the right one.
#ifndef VITRINE_GPU
#ifdef __CUDACC__
#define VITRINE_GPU cuda
#else
#define VITRINE_GPU simt
#endif
#endif

// Before a loop whose trip count is a constant: on a GPU its local arrays must become registers. On the host
// they are memory anyway, and unrolling made the compiler take five times as long.
#ifdef __CUDACC__
#define VITRINE_UNROLL _Pragma("unroll")
#else
#define VITRINE_UNROLL
#endif

namespace vitrine::VITRINE_GPU {

/// The one stream on which all kernels and copies of the device run, in the order of the calls.
cudaStream_t stream();

/// a · b + c, rounded once: the same bits from a GPU and from the host. Kernels use nothing else to
/// accumulate products; nvcc is told not to fuse on its own.
__device__ __forceinline__ float multiply_add(float a, float b, float c) { return __fmaf_rn(a, b, c); }
__device__ __forceinline__ double multiply_add(double a, double b, double c) { return __fma_rn(a, b, c); }

/// 16 bytes of T: what one thread loads or stores at once. float: 4 values; double: 2.
template <class T>
struct Pack {
    static constexpr int size = static_cast<int>(16 / sizeof(T));
    T value[static_cast<size_t>(size)];

    __device__ __forceinline__ T& operator[](int i) { return value[i]; }
    __device__ __forceinline__ const T& operator[](int i) const { return value[i]; }
};

/// What a pointer, or a ReadOnly, points to.
template <class Pointer>
using Pointee = std::remove_cvref_t<decltype(*std::declval<const Pointer&>())>;

/// `from`, a pointer or a ReadOnly, must be aligned to 16 bytes: see aligned().
template <class Pointer>
__device__ __forceinline__ Pack<Pointee<Pointer>> load_pack(Pointer from) {
    if constexpr (sizeof(Pointee<Pointer>) == 4) {
        const float4 v = load_as<float4>(from);
        return {{v.x, v.y, v.z, v.w}};
    } else {
        const double2 v = load_as<double2>(from);
        return {{v.x, v.y}};
    }
}
__device__ __forceinline__ void store_pack(float* to, const Pack<float>& v) {
    *reinterpret_cast<float4*>(to) = make_float4(v[0], v[1], v[2], v[3]);
}
__device__ __forceinline__ void store_pack(double* to, const Pack<double>& v) {
    *reinterpret_cast<double2*>(to) = make_double2(v[0], v[1]);
}

/// Whether packs can be used: every pointer is null or aligned to 16 bytes. (A row length must be a multiple
/// of Pack<T>::size besides.)
template <class... Pointers>
bool aligned(Pointers... pointers) {
    return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

template <class A, class B>
__host__ __device__ constexpr auto divide_up(A a, B b) {
    return (a + b - 1) / b;
}

/// A grid of one dimension with at least one thread for each of `count`; throws if a grid cannot be so large.
dim3 blocks_for(int64_t count, int threads_per_block);

/// The index of this thread in a grid of one dimension, and how many threads the grid has.
__device__ __forceinline__ int64_t thread_index() {
    return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ __forceinline__ int64_t thread_count() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

/// Fast kernels index with 32 bits, which halves the cost of address arithmetic: they refuse larger tensors.
inline bool fits_int(int64_t count) { return count <= int64_t{0x7FFFFFFF}; }

}  // namespace vitrine::VITRINE_GPU
