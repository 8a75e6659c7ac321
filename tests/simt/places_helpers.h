// The helpers of places.cu, each with its line.
#pragma once

#include "kernels/cuda/cuda_compat.h"

namespace vitrine::simt::test {
namespace {

constexpr int load_line = __LINE__ + 1;
__device__ __forceinline__ float load(const float* from) { return *from; }

constexpr int load_lane_line = __LINE__ + 1;
__device__ __forceinline__ float load_lane(const float* from) { return load(from + threadIdx.x); }

constexpr int store_line = __LINE__ + 1;
__device__ __forceinline__ void store(float* to, float value) { *to = value; }

}  // namespace
}  // namespace vitrine::simt::test
