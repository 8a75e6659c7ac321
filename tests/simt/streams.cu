// Kernels that read what copies have brought: see streams.h.

#include "tests/simt/streams.h"

#include "kernels/cuda/cuda_compat.h"

namespace vitrine::simt::test {
namespace {

__global__ void increment_kernel(int* values, int count) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < count) ++values[i];
}

__global__ void duplicate_kernel(const int* from, int* to, int count) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < count) to[i] = from[i];
}

__global__ void add_kernel(int* values, int count, int value) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < count) values[i] += value;
}

unsigned blocks(int count) { return static_cast<unsigned>(count + 31) / 32; }

}  // namespace

void increment(int* values, int count, cudaStream_t stream) {
    launch(increment_kernel, blocks(count), 32, 0, stream, values, count);
}

void add(int* values, int count, int value, cudaStream_t stream) {
    launch(add_kernel, blocks(count), 32, 0, stream, values, count, value);
}

void duplicate(const int* from, int* to, int count, cudaStream_t stream) {
    launch(duplicate_kernel, blocks(count), 32, 0, stream, from, to, count);
}

}  // namespace vitrine::simt::test
