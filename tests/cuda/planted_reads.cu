// Kernels that read memory as read-only, for the test of the reader of PTX: what the `wrong_` ones read so,
// they write too.

#include <cstdint>

#include "kernels/cuda/cuda_compat.h"

namespace vitrine::planted {

struct Areas {
    uint8_t* first;
    int64_t bytes;
};

/// The pointer begins at memory that nobody writes and moves on to what the kernel has written.
__global__ void wrong_moving_pointer(const uint8_t* __restrict__ images, Areas areas, int steps) {
    const uint8_t* from = images + int64_t{blockIdx.x} * 256;
    for (int step = 0; step < steps; ++step) {
        uint8_t* to = areas.first + int64_t{blockIdx.x} * 2 * areas.bytes;
        if (from == to) to += areas.bytes;
        to[threadIdx.x] = static_cast<uint8_t>(from[255 - threadIdx.x] + step);
        __syncthreads();
        from = to;
    }
}

__global__ void wrong_same_parameter(float* y, int count) {
    y[threadIdx.x] = __ldg(y + (count - static_cast<int>(threadIdx.x)));
}

struct Members {
    const float* from;
    float* to;
    float* more[4];
};

__global__ void wrong_same_member(Members members) {
    members.to[threadIdx.x] = __ldg(members.to + blockDim.x + threadIdx.x);
}

__global__ void wrong_chosen_pointer(const float* x, float* y, bool choice) {
    y[threadIdx.x] = __ldg((choice ? x : y) + blockDim.x + threadIdx.x);
}

__global__ void wrong_indexed_member(Members members, int from, int to) {
    members.more[to][threadIdx.x] = __ldg(members.more[from] + threadIdx.x);
}

__global__ void wrong_atomic(float* y) { atomicAdd(y, __ldg(y + 1 + threadIdx.x)); }

struct Entry {
    const float* from;
    float* to;
};

__global__ void wrong_table(const Entry* table) {
    const Entry entry = table[blockIdx.x];
    entry.to[threadIdx.x] = __ldg(entry.to + blockDim.x + threadIdx.x);
}

__global__ void wrong_shared_pointer(float* y) {
    __shared__ float* mine;
    if (threadIdx.x == 0) mine = y + int64_t{blockIdx.x} * 256;
    __syncthreads();
    y[threadIdx.x] = __ldg(mine + 1 + threadIdx.x);
}

__device__ float* everywhere;
__global__ void wrong_global_variable() {
    everywhere[threadIdx.x] = __ldg(everywhere + blockDim.x + threadIdx.x);
}

/// Nobody can say where this points to.
__global__ void wrong_number(float* y, uint64_t number) {
    y[threadIdx.x] = __ldg(reinterpret_cast<const float*>(number * 16));
}

__global__ void right_members(Members members) {
    members.to[threadIdx.x] = __ldg(members.from + threadIdx.x);
}

__global__ void right_parameters(ReadOnly<float> x, ReadOnly<int> index, float* y) {
    y[index[threadIdx.x]] = x[index[threadIdx.x + 1]];
}

}  // namespace vitrine::planted
