// The host's side of the device: checked calls. See runtime.cu.
#pragma once

#include "kernels/cuda/gpu.h"

#define VITRINE_CUDA(call) ::vitrine::VITRINE_GPU::require_success((call), #call, __FILE__, __LINE__)

namespace vitrine::VITRINE_GPU {

/// Throws Error naming the call, its place, CUDA's reason and what to try, unless `status` is cudaSuccess;
/// DeviceFault, which names the kernels that may be to blame, if one of them went wrong.
void require_success(cudaError_t status, const char* call, const char* file, int line);

}  // namespace vitrine::VITRINE_GPU
