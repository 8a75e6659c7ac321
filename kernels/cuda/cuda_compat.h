// The words a kernel file needs, with either compiler: nvcc has CUDA's own, host C++ those of the SIMT
// executor.
//
// Both understand vitrine::launch(kernel, grid, block, shared_bytes, stream, args...), which checks the
// launch, VITRINE_DYNAMIC_SHARED(Type, name), and ReadOnly<T>, a kernel's parameter that promises: while the
// kernel runs, nobody writes the memory that it reads through it, nor may the caller pass it memory that the
// same launch writes. A GPU then reads past its coherent caches. It stands in place of `const T*
// __restrict__`, which promises the same and which no executor can see.
#pragma once

#ifdef __CUDACC__

#include <utility>

#include "kernels/cuda/launches.h"

#define VITRINE_DYNAMIC_SHARED(Type, name)                                        \
    extern __shared__ __align__(16) unsigned char vitrine_dynamic_shared_bytes[]; \
    Type* name = reinterpret_cast<Type*>(vitrine_dynamic_shared_bytes)

namespace vitrine {

// A namespace of its own: host C++ has a launch of the same types, and the linker would keep one of the two
// for both devices.
inline namespace for_nvcc {

template <class T>
using ReadOnly = const T* __restrict__;

/// The value of another type that lies there, by one access of sizeof(V) bytes; `from` must be aligned to as
/// many.
template <class V, class T>
__device__ __forceinline__ V load_as(const T* from) {
    return *reinterpret_cast<const V*>(from);
}

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
            Arguments&&... arguments) {
    LaunchLog& log = cuda::launch_log();
    const void* const code = reinterpret_cast<const void*>(kernel);
    const Extent blocks{grid.x, grid.y, grid.z}, threads{block.x, block.y, block.z};
    log.add(code, blocks, threads);
    kernel<<<grid, block, shared_bytes, stream>>>(std::forward<Arguments>(arguments)...);
    const cudaError_t status = cudaGetLastError();
    if (status != cudaSuccess)
        log.throw_failed_launch(code, blocks, threads, status, cudaGetErrorString(status));
    if (launches_block()) log.complete(log.count());
}

}  // namespace for_nvcc
}  // namespace vitrine

#else
#include "kernels/simt/cuda_compat.h"
#endif
