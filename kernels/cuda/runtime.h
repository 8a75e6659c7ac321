// The host's side of the device: checked calls. See runtime.cu.
#pragma once

#include "kernels/cuda/gpu.h"

#define VITRINE_CUDA(call) ::vitrine::VITRINE_GPU::require_success((call), #call, __FILE__, __LINE__)

namespace vitrine::VITRINE_GPU {

/// Throws Error if there is no GPU that this program can use, saying what is missing.
void require_usable();

/// Throws Error naming the call, its place, CUDA's reason and what to try, unless `status` is cudaSuccess.
void require_success(cudaError_t status, const char* call, const char* file, int line);

}  // namespace vitrine::VITRINE_GPU
