// The words a kernel file needs, with either compiler: nvcc has CUDA's own, host C++ those of the SIMT
// executor.
//
// Both understand vitrine::launch(kernel, grid, block, shared_bytes, stream, args...), which checks the
// launch, and VITRINE_DYNAMIC_SHARED(Type, name).
#pragma once

#ifdef __CUDACC__

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <fmt/format.h>

#include <utility>

#include "kernels/error.h"

#define VITRINE_DYNAMIC_SHARED(Type, name)                                        \
    extern __shared__ __align__(16) unsigned char vitrine_dynamic_shared_bytes[]; \
    Type* name = reinterpret_cast<Type*>(vitrine_dynamic_shared_bytes)

namespace vitrine {

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
            Arguments&&... arguments) {
    kernel<<<grid, block, shared_bytes, stream>>>(std::forward<Arguments>(arguments)...);
    const cudaError_t status = cudaGetLastError();
    if (status != cudaSuccess) {
        const char* name = nullptr;
        cudaFuncGetName(&name, reinterpret_cast<const void*>(kernel));
        throw Error(fmt::format("launching {} with {} x {} x {} blocks of {} x {} x {} threads failed: {}",
                                name == nullptr ? "a kernel" : name, grid.x, grid.y, grid.z, block.x, block.y,
                                block.z, cudaGetErrorString(status)));
    }
}

}  // namespace vitrine

#else
#include "kernels/simt/words.h"
#endif
