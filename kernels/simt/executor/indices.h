// The running CUDA thread's indices as the executor has them: variables. Kernels have them from
// kernels/simt/cuda_compat.h, where they are constants; no file includes both.
#pragma once

#include "kernels/simt/vector_types.h"

extern thread_local constinit uint3 threadIdx;
extern thread_local constinit uint3 blockIdx;
extern thread_local constinit uint3 blockDim;
extern thread_local constinit uint3 gridDim;
