// CUDA's words for host C++: with this header a .cu file compiles with g++ and runs under the SIMT executor.
//
// Nothing of the CUDA toolkit is needed. Kernel files do not include this header but kernels/cuda/cuda_compat.h,
// which gives them either these words or CUDA's own. Three things are said differently than in plain CUDA,
// the same way for both compilers:
//     vitrine::launch(kernel, grid, block, shared_bytes, stream, args...)     for  kernel<<<…>>>(args...)
//     VITRINE_DYNAMIC_SHARED(float, tile);                                     for  extern __shared__ float tile[];
//     fmaf(a, b, c)  where the bits must be the same with both compilers       for  a * b + c
#pragma once

#include <cmath>
#include <cstring>
#include <type_traits>

#include "kernels/simt/arithmetic.h"
#include "kernels/simt/host_compat.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/math.h"
#include "kernels/simt/read_only.h"
#include "kernels/simt/thread.h"
#include "kernels/simt/vector_types.h"

// Each file has its own kernels (static), of which none is thrown away in favour of another's (used): g++ 12
// notes their no-ops where the linker would miss them then.
#define __global__ static __attribute__((used))
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
// As many no-ops before a kernel's code as it may have threads: nobody runs them, and the executor counts
// them (executor/launch_bounds.h). (The sum: g++ 12 fails over the bare name of a constant.)
#define __launch_bounds__(threads, ...) \
    __attribute__((patchable_function_entry((threads) + 0, (threads) + 0)))
#define __align__(bytes) alignas(bytes)
// A block runs from beginning to end on one OS thread, so what belongs to the OS thread is the block's own.
// The executor fills it with poison before each block.
#define __shared__ static thread_local
#define VITRINE_DYNAMIC_SHARED(Type, name) \
    Type* name = static_cast<Type*>(::vitrine::simt::dynamic_shared_memory())

// To a kernel these never change, and that is said here: so the compiler does not announce each look at them
// to the executor's hooks. The executor, which has them as variables (executor/indices.h), sets them before a
// thread goes on. All four are plain structures: of constants with constructors the compiler believes less.
extern thread_local constinit const uint3 threadIdx;
extern thread_local constinit const uint3 blockIdx;
extern thread_local constinit const uint3 blockDim;
extern thread_local constinit const uint3 gridDim;
inline constexpr int warpSize = 32;

using VitrineLocation = vitrine::simt::Location;

inline void __syncthreads(VitrineLocation location = VitrineLocation::current()) {
    vitrine::simt::block_barrier(vitrine::simt::Barrier::plain, 0, location);
}
inline int __syncthreads_count(int predicate, VitrineLocation location = VitrineLocation::current()) {
    return vitrine::simt::block_barrier(vitrine::simt::Barrier::count, predicate, location);
}
inline int __syncthreads_and(int predicate, VitrineLocation location = VitrineLocation::current()) {
    return vitrine::simt::block_barrier(vitrine::simt::Barrier::all, predicate, location);
}
inline int __syncthreads_or(int predicate, VitrineLocation location = VitrineLocation::current()) {
    return vitrine::simt::block_barrier(vitrine::simt::Barrier::any, predicate, location);
}

inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, VitrineLocation location = VitrineLocation::current()) {
    vitrine::simt::warp_operation(vitrine::simt::WarpOperation::sync, mask, 0, 0, warpSize, location);
}
inline unsigned __activemask() { return vitrine::simt::active_mask(); }

namespace vitrine::simt {

template <class T>
T shuffle(WarpOperation operation, unsigned mask, T value, int argument, int width, Location location) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    bits = warp_operation(operation, mask, bits, argument, width, location);
    std::memcpy(&value, &bits, sizeof(T));
    return value;
}

inline unsigned vote(WarpOperation operation, unsigned mask, int predicate, Location location) {
    const uint64_t value = predicate != 0 ? 1 : 0;
    return static_cast<unsigned>(warp_operation(operation, mask, value, 0, warpSize, location));
}

}  // namespace vitrine::simt

template <class T>
T __shfl_sync(unsigned mask, T value, int source_lane, int width = warpSize,
              VitrineLocation location = VitrineLocation::current()) {
    return vitrine::simt::shuffle(vitrine::simt::WarpOperation::shuffle, mask, value, source_lane, width,
                                  location);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = warpSize,
                 VitrineLocation location = VitrineLocation::current()) {
    return vitrine::simt::shuffle(vitrine::simt::WarpOperation::shuffle_up, mask, value,
                                  static_cast<int>(distance), width, location);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = warpSize,
                   VitrineLocation location = VitrineLocation::current()) {
    return vitrine::simt::shuffle(vitrine::simt::WarpOperation::shuffle_down, mask, value,
                                  static_cast<int>(distance), width, location);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = warpSize,
                  VitrineLocation location = VitrineLocation::current()) {
    return vitrine::simt::shuffle(vitrine::simt::WarpOperation::shuffle_xor, mask, value, lane_mask, width,
                                  location);
}

inline unsigned __ballot_sync(unsigned mask, int predicate,
                              VitrineLocation location = VitrineLocation::current()) {
    return vitrine::simt::vote(vitrine::simt::WarpOperation::ballot, mask, predicate, location);
}
inline int __all_sync(unsigned mask, int predicate, VitrineLocation location = VitrineLocation::current()) {
    return static_cast<int>(
        vitrine::simt::vote(vitrine::simt::WarpOperation::all, mask, predicate, location));
}
inline int __any_sync(unsigned mask, int predicate, VitrineLocation location = VitrineLocation::current()) {
    return static_cast<int>(
        vitrine::simt::vote(vitrine::simt::WarpOperation::any, mask, predicate, location));
}

// Memory is sequentially consistent here, so that a fence has nothing to do but to be there: what is ordered
// by nothing else is reported.
inline void __threadfence() { vitrine::simt::fence(vitrine::simt::FenceScope::device); }
inline void __threadfence_system() { vitrine::simt::fence(vitrine::simt::FenceScope::device); }
inline void __threadfence_block() { vitrine::simt::fence(vitrine::simt::FenceScope::block); }

// These must be inlined, so that an access belongs to the line that uses the word.
template <class T>
__forceinline__ T __ldg(const T* address) {
    return vitrine::simt::read_only(address);
}

template <class T>
__forceinline__ T atomicAdd(T* address, std::type_identity_t<T> value) {
    return vitrine::simt::atomic<T>(vitrine::simt::AtomicOperation::add, address, value, T{});
}
template <class T>
__forceinline__ T atomicMin(T* address, std::type_identity_t<T> value) {
    return vitrine::simt::atomic<T>(vitrine::simt::AtomicOperation::minimum, address, value, T{});
}
template <class T>
__forceinline__ T atomicMax(T* address, std::type_identity_t<T> value) {
    return vitrine::simt::atomic<T>(vitrine::simt::AtomicOperation::maximum, address, value, T{});
}
template <class T>
__forceinline__ T atomicExch(T* address, std::type_identity_t<T> value) {
    return vitrine::simt::atomic<T>(vitrine::simt::AtomicOperation::exchange, address, value, T{});
}
template <class T>
__forceinline__ T atomicCAS(T* address, std::type_identity_t<T> compare, std::type_identity_t<T> value) {
    return vitrine::simt::atomic<T>(vitrine::simt::AtomicOperation::compare_and_swap, address, value,
                                    compare);
}
template <class T>
__forceinline__ T atomicSub(T* address, std::type_identity_t<T> value) {
    static_assert(std::is_same_v<T, int> || std::is_same_v<T, unsigned>, "CUDA has no such atomicSub");
    return vitrine::simt::atomic<T>(vitrine::simt::AtomicOperation::add, address, T{} - value, T{});
}
template <class T>
__forceinline__ T atomicAnd(T* address, std::type_identity_t<T> value) {
    static_assert(std::is_integral_v<T>, "bits are an integer's");
    return vitrine::simt::atomic<T>(vitrine::simt::AtomicOperation::bitwise_and, address, value, T{});
}
template <class T>
__forceinline__ T atomicOr(T* address, std::type_identity_t<T> value) {
    static_assert(std::is_integral_v<T>, "bits are an integer's");
    return vitrine::simt::atomic<T>(vitrine::simt::AtomicOperation::bitwise_or, address, value, T{});
}
template <class T>
__forceinline__ T atomicXor(T* address, std::type_identity_t<T> value) {
    static_assert(std::is_integral_v<T>, "bits are an integer's");
    return vitrine::simt::atomic<T>(vitrine::simt::AtomicOperation::bitwise_xor, address, value, T{});
}
__forceinline__ unsigned atomicInc(unsigned* address, unsigned last) {
    return vitrine::simt::atomic<unsigned>(vitrine::simt::AtomicOperation::increment, address, last, 0u);
}
__forceinline__ unsigned atomicDec(unsigned* address, unsigned first) {
    return vitrine::simt::atomic<unsigned>(vitrine::simt::AtomicOperation::decrement, address, first, 0u);
}
