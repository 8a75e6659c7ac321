// What every kernel file of this folder starts from: CUDA's words, the kernel contract, and the few device
// functions that all kernels share.
//
// These files compile twice: with nvcc into vitrine::cuda, for a GPU, and as host C++ into vitrine::simt, for
// the executor that runs them thread by thread. Everything lies in `namespace vitrine::VITRINE_GPU`; beyond
// that no kernel knows which of the two it is.
#pragma once

#include <bit>
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

/// The stream on which all kernels and copies of the device run, in the order of the calls. While a Lane is open
/// (runtime.h), what is called on its thread runs on the lane's.
cudaStream_t stream();

/// a · b + c, rounded once: the same bits from a GPU and from the host. Kernels use nothing else to
/// accumulate products; nvcc is told not to fuse on its own.
__device__ __forceinline__ float multiply_add(float a, float b, float c) { return __fmaf_rn(a, b, c); }
__device__ __forceinline__ double multiply_add(double a, double b, double c) { return __fma_rn(a, b, c); }

#ifdef __CUDACC__
/// clamped() of kernels/activation.h, to the bit, by a maximum and a minimum that keep a NaN: two instructions a value instead
/// of five. GPUs have them from 8.0 on. The bounds are written into the instructions: in registers they would be two more for
/// a whole kernel.
__device__ __forceinline__ float clamped(Activation clamp, float x) {
#if __CUDA_ARCH__ >= 800
    if (clamp != Activation::identity) asm("max.NaN.f32 %0, %0, 0f00000000;" : "+f"(x));
    if (clamp == Activation::relu6) asm("min.NaN.f32 %0, %0, 0f40C00000;" : "+f"(x));
    return x;
#else
    return vitrine::clamped(clamp, x);
#endif
}
#endif

/// 16 bytes of T: what one thread loads or stores at once. float: 4 values; double: 2; bf16 and f16: 8, which are
/// floats once they are loaded.
template <class T>
struct Pack {
    using Element = T;
    static constexpr int size = static_cast<int>(16 / sizeof(T));
    Accumulate<T> value[static_cast<size_t>(size)];

    __device__ __forceinline__ Accumulate<T>& operator[](int i) { return value[i]; }
    __device__ __forceinline__ const Accumulate<T>& operator[](int i) const { return value[i]; }
};

/// What a pointer, or a ReadOnly, points to.
template <class Pointer>
using Pointee = std::remove_cvref_t<decltype(*std::declval<const Pointer&>())>;

/// One value, widened as it is loaded and rounded as it is stored.
template <class Pointer>
__device__ __forceinline__ Accumulate<Pointee<Pointer>> load_value(Pointer from) {
    return static_cast<Accumulate<Pointee<Pointer>>>(*from);
}
template <class T>
__device__ __forceinline__ void store_value(T* to, Accumulate<T> value) {
    *to = static_cast<T>(value);
}

/// Two values of a 16-bit type as a word, the first in its lower half, and back.
template <class Half>
__device__ __forceinline__ unsigned word_of(float first, float second) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    unsigned word = 0;  // one instruction for both
    if constexpr (std::is_same_v<Half, bf16>) {
        asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
    } else {
        asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
    }
    return word;
#else
    return unsigned{static_cast<Half>(first).bits} | unsigned{static_cast<Half>(second).bits} << 16;
#endif
}
template <class Half>
__device__ __forceinline__ void take_word(unsigned word, float& first, float& second) {
    first = static_cast<float>(std::bit_cast<Half>(static_cast<uint16_t>(word)));
    second = static_cast<float>(std::bit_cast<Half>(static_cast<uint16_t>(word >> 16)));
}

/// `from`, a pointer or a ReadOnly, must be aligned to 16 bytes: see aligned().
template <class Pointer>
__device__ __forceinline__ Pack<Pointee<Pointer>> load_pack(Pointer from) {
    using T = Pointee<Pointer>;
    if constexpr (is_half_type<T>) {
        const uint4 words = load_as<uint4>(from);
        Pack<T> v;
        take_word<T>(words.x, v[0], v[1]);
        take_word<T>(words.y, v[2], v[3]);
        take_word<T>(words.z, v[4], v[5]);
        take_word<T>(words.w, v[6], v[7]);
        return v;
    } else if constexpr (sizeof(T) == 4) {
        const float4 v = load_as<float4>(from);
        return {{v.x, v.y, v.z, v.w}};
    } else {
        const double2 v = load_as<double2>(from);
        return {{v.x, v.y}};
    }
}
template <class Half>
requires(is_half_type<Half>) __device__ __forceinline__ void store_pack(Half* to, const Pack<Half>& v) {
    *reinterpret_cast<uint4*>(to) = make_uint4(word_of<Half>(v[0], v[1]), word_of<Half>(v[2], v[3]),
                                               word_of<Half>(v[4], v[5]), word_of<Half>(v[6], v[7]));
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
