// Kernels whose sectors and bank conflicts can be told with pencil and paper.

#include "tests/simt/traffic.h"

#include "kernels/cuda/cuda_compat.h"

namespace vitrine::simt::test {
namespace {

__global__ void copy_with_stride_kernel(const float* from, float* to, int stride) {
    const float value = from[stride * static_cast<int>(threadIdx.x)];
    to[threadIdx.x] = value;
}

__global__ void copy_shifted_kernel(const float* from, float* to) {
    const float value = from[threadIdx.x + 1];
    to[threadIdx.x] = value;
}

__global__ void read_one_by_all_kernel(const float* from, float* to) {
    const float value = *from;
    to[threadIdx.x] = value;
}

__global__ void read_again_kernel(const float* from, float* to, int times) {
    float sum = 0.0f;
    for (int i = 0; i < times; ++i) {
        sum += from[threadIdx.x];
        __syncthreads();  // or the compiler reads but once
    }
    to[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

__global__ void add_all_kernel(int* sum) { atomicAdd(sum, 1); }

__global__ void multiply_add_chain_kernel(float* to, int count) {
    float single = 1.0f;
    double wide = 1.0;
    for (int i = 0; i < count; ++i) {
        single = __fmaf_rn(single, 0.5f, 1.0f);
        wide = __fma_rn(wide, 0.5, 1.0);
    }
    to[threadIdx.x] = single + static_cast<float>(wide);
}

__global__ void shared_with_stride_kernel(float* to, int stride) {
    VITRINE_DYNAMIC_SHARED(float, words);
    words[stride * static_cast<int>(threadIdx.x)] = 1.0f;
    __syncwarp();
    to[threadIdx.x] = words[stride * static_cast<int>(threadIdx.x)];
}

__global__ void shared_wide_kernel(float* to) {
    __shared__ float4 fours[32];
    fours[threadIdx.x] = make_float4(1.0f, 2.0f, 3.0f, 4.0f);
    __syncthreads();
    const float broadcast = fours[0].x;
    __syncthreads();
    const float2 pair = reinterpret_cast<const float2*>(fours)[threadIdx.x];
    to[threadIdx.x] = broadcast + pair.x;
}

template <int row_length>
__global__ void transpose_kernel(const float* from, float* to) {
    __shared__ float tile[32][row_length];
    for (unsigned y = threadIdx.y; y < 32; y += blockDim.y) tile[y][threadIdx.x] = from[y * 32 + threadIdx.x];
    __syncthreads();
    for (unsigned y = threadIdx.y; y < 32; y += blockDim.y) to[y * 32 + threadIdx.x] = tile[threadIdx.x][y];
}

__global__ void read_partly_kernel(const float* from, float* to, int live) {
    if (static_cast<int>(threadIdx.x) >= live) return;
    const float value = from[threadIdx.x];
    to[threadIdx.x] = value;
}

__global__ void read_triangle_kernel(const float* from, float* to) {
    float sum = 0.0f;
    for (unsigned i = 0; i <= threadIdx.x; ++i) sum += from[32 * i + threadIdx.x];
    to[threadIdx.x] = sum;
}

}  // namespace

void copy_with_stride(const float* from, float* to, int stride) {
    launch(copy_with_stride_kernel, 1, 32, 0, nullptr, from, to, stride);
}
void copy_shifted(const float* from, float* to) { launch(copy_shifted_kernel, 1, 32, 0, nullptr, from, to); }
void read_one_by_all(const float* from, float* to) {
    launch(read_one_by_all_kernel, 1, 32, 0, nullptr, from, to);
}
void read_again(const float* from, float* to, unsigned blocks, int times) {
    launch(read_again_kernel, blocks, 32, 0, nullptr, from, to, times);
}
void add_all(int* sum) { launch(add_all_kernel, 1, 32, 0, nullptr, sum); }
void multiply_add_chain(float* to, int count) {
    launch(multiply_add_chain_kernel, 1, 32, 0, nullptr, to, count);
}
void shared_with_stride(float* to, int stride) {
    launch(shared_with_stride_kernel, 1, 32, 32 * 32 * sizeof(float), nullptr, to, stride);
}
void shared_wide(float* to) { launch(shared_wide_kernel, 1, 32, 0, nullptr, to); }
void transpose(const float* from, float* to, bool padded) {
    launch(padded ? transpose_kernel<33> : transpose_kernel<32>, 1, dim3(32, 8), 0, nullptr, from, to);
}
void read_partly(const float* from, float* to, int live) {
    launch(read_partly_kernel, 1, 32, 0, nullptr, from, to, live);
}
void read_triangle(const float* from, float* to) {
    launch(read_triangle_kernel, 1, 32, 0, nullptr, from, to);
}

}  // namespace vitrine::simt::test
