// Kernels that do little but wait.

#include "tests/simt/costs.h"

#include "kernels/cuda/cuda_compat.h"

namespace vitrine::simt::test {
namespace {

__global__ void count_long_kernel(int* values, size_t* places, int count, bool racing) {
    __shared__ int turn[128];
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    turn[threadIdx.x] = 0;
    for (int j = 0; j < count; ++j) {
        __syncthreads();
        values[i] += turn[(threadIdx.x + 1) % 128] == j ? 1 : 0;
        __syncthreads();
        ++turn[threadIdx.x];
    }
    if (threadIdx.x != 0) return;
    places[blockIdx.x] = reinterpret_cast<size_t>(&turn[0]);
    if (racing) values[0] = count;
}

__global__ void empty_kernel() {}

__global__ void barriers_kernel(int count) {
    for (int i = 0; i < count; ++i) __syncthreads();
}

__global__ void shuffles_kernel(int count) {
    int value = static_cast<int>(threadIdx.x);
    for (int i = 0; i < count; ++i) value = __shfl_xor_sync(0xFFFFFFFFu, value, 1);
}

__global__ void reads_kernel(const float* words, float* sums, int count, bool fenced) {
    if (fenced) __threadfence();
    float sum = 0.0f;
    for (int i = 0; i < count; ++i) sum += words[i];
    sums[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

}  // namespace

void count_long(int* values, size_t* places, unsigned blocks, int count, bool racing) {
    launch(count_long_kernel, blocks, 128, 0, nullptr, values, places, count, racing);
}

void run_empty(unsigned blocks, unsigned threads) { launch(empty_kernel, blocks, threads, 0, nullptr); }

void run_barriers(unsigned blocks, unsigned threads, int count) {
    launch(barriers_kernel, blocks, threads, 0, nullptr, count);
}

void run_reads(const float* words, float* sums, unsigned blocks, unsigned threads, int count, bool fenced) {
    launch(reads_kernel, blocks, threads, 0, nullptr, words, sums, count, fenced);
}

void run_shuffles(unsigned blocks, unsigned threads, int count) {
    launch(shuffles_kernel, blocks, threads, 0, nullptr, count);
}

}  // namespace vitrine::simt::test
