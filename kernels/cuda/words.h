// The words a kernel file needs, with either compiler: nvcc has CUDA's own, host C++ those of the SIMT
// executor.
//
// Both understand vitrine::launch(kernel, grid, block, shared_bytes, stream, args...), which checks the
// launch, and VITRINE_DYNAMIC_SHARED(Type, name).
#pragma once

#ifdef __CUDACC__

#include <cuda_bf16.h>
#include <cuda_fp16.h>

// Not {fmt}: nvcc cannot compile all of its versions.
#include <string>
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
        const auto shape = [](const dim3& size) {
            return std::to_string(size.x) + " x " + std::to_string(size.y) + " x " + std::to_string(size.z);
        };
        const char* name = nullptr;
        if (cudaFuncGetName(&name, reinterpret_cast<const void*>(kernel)) != cudaSuccess) name = "a kernel";
        throw Error(std::string("launch of ") + name + " with " + shape(grid) + " blocks of " + shape(block) +
                    " threads failed: " + cudaGetErrorString(status));
    }
}

}  // namespace vitrine

#else
#include "kernels/simt/words.h"
#endif
