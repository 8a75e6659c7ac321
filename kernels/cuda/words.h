// The words a kernel file needs, with either compiler: nvcc has CUDA's own, host C++ those of the SIMT
// executor.
//
// Both understand vitrine::launch(kernel, grid, block, shared_bytes, stream, args...), which checks the
// launch, and VITRINE_DYNAMIC_SHARED(Type, name).
#pragma once

#ifdef __CUDACC__

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <utility>

#include "kernels/cuda/launches.h"

#define VITRINE_DYNAMIC_SHARED(Type, name)                                        \
    extern __shared__ __align__(16) unsigned char vitrine_dynamic_shared_bytes[]; \
    Type* name = reinterpret_cast<Type*>(vitrine_dynamic_shared_bytes)

namespace vitrine {

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

}  // namespace vitrine

#else
#include "kernels/simt/words.h"
#endif
