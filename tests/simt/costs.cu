// Kernels that do nothing but wait.

#include "tests/simt/costs.h"

#include "kernels/cuda/words.h"

namespace vitrine::simt::test {
namespace {

__global__ void empty_kernel() {}

__global__ void barriers_kernel(int count) {
    for (int i = 0; i < count; ++i) __syncthreads();
}

__global__ void shuffles_kernel(int count) {
    int value = static_cast<int>(threadIdx.x);
    for (int i = 0; i < count; ++i) value = __shfl_xor_sync(0xFFFFFFFFu, value, 1);
}

}  // namespace

void run_empty(unsigned blocks, unsigned threads) { launch(empty_kernel, blocks, threads, 0, nullptr); }

void run_barriers(unsigned blocks, unsigned threads, int count) {
    launch(barriers_kernel, blocks, threads, 0, nullptr, count);
}

void run_shuffles(unsigned blocks, unsigned threads, int count) {
    launch(shuffles_kernel, blocks, threads, 0, nullptr, count);
}

}  // namespace vitrine::simt::test
