// One small kernel for each of CUDA's words.

#include "tests/simt/cuda_compat.h"

#include "kernels/cuda/cuda_compat.h"
#include "kernels/half.h"

namespace vitrine::simt::test {
namespace {

constexpr unsigned full_mask = 0xFFFFFFFFu;

__device__ int rank_in_block() {
    return static_cast<int>(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z));
}

__global__ void indices_kernel(int* out) {
    const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
    const unsigned code = threadIdx.x + 10 * threadIdx.y + 100 * threadIdx.z + 1000 * blockIdx.x +
                          10000 * blockIdx.y + 100000 * blockIdx.z;
    out[block * threads + static_cast<unsigned>(rank_in_block())] = static_cast<int>(code);
}

__device__ float warp_sum(float value) {
    for (unsigned distance = warpSize / 2; distance > 0; distance /= 2) {
        value += __shfl_down_sync(full_mask, value, distance);
    }
    return value;
}

__device__ void sum_of_block(const float* values, float* sums, float* partial) {
    const float sum = warp_sum(__ldg(&values[blockIdx.x * blockDim.x + threadIdx.x]));
    if (threadIdx.x % warpSize == 0) partial[threadIdx.x / warpSize] = sum;
    __syncthreads();
    if (threadIdx.x >= warpSize) return;
    const float mine = threadIdx.x < blockDim.x / warpSize ? partial[threadIdx.x] : 0.0f;
    const float total = warp_sum(mine);
    if (threadIdx.x == 0) sums[blockIdx.x] = total;
}

__global__ void block_sums_kernel(const float* values, float* sums) {
    __shared__ float partial[32];
    sum_of_block(values, sums, partial);
}

__global__ void block_sums_dynamic_kernel(const float* values, float* sums) {
    VITRINE_DYNAMIC_SHARED(float, partial);
    sum_of_block(values, sums, partial);
}

__global__ void shuffles_kernel(int* out, int argument, int width) {
    const int lane = static_cast<int>(threadIdx.x);
    const int value = 100 + lane;
    out[lane] = __shfl_sync(full_mask, value, argument, width);
    out[32 + lane] = __shfl_up_sync(full_mask, value, static_cast<unsigned>(argument), width);
    out[64 + lane] = __shfl_down_sync(full_mask, value, static_cast<unsigned>(argument), width);
    out[96 + lane] = __shfl_xor_sync(full_mask, value, argument, width);
}

__global__ void shuffle_doubles_kernel(double* out) {
    out[threadIdx.x] = __shfl_xor_sync(full_mask, 0.1 * threadIdx.x, 31);
}

__global__ void votes_kernel(unsigned* out) {
    const int odd = static_cast<int>(threadIdx.x % 2);
    const unsigned ballot = __ballot_sync(full_mask, odd);
    const int all = __all_sync(full_mask, odd);
    const int any = __any_sync(full_mask, odd);
    const int all_true = __all_sync(full_mask, 1);
    const int any_false = __any_sync(full_mask, 0);
    if (threadIdx.x != 0) return;
    out[0] = ballot;
    out[1] = static_cast<unsigned>(all);
    out[2] = static_cast<unsigned>(any);
    out[3] = static_cast<unsigned>(all_true);
    out[4] = static_cast<unsigned>(any_false);
}

__global__ void half_votes_kernel(unsigned* out) {
    const bool low = threadIdx.x < 16;
    const unsigned mask = low ? 0x0000FFFFu : 0xFFFF0000u;
    // Different branches: the halves need not meet.
    if (low) {
        out[threadIdx.x] = __ballot_sync(mask, threadIdx.x % 4 == 0);
    } else {
        __syncwarp(mask);
        out[threadIdx.x] = __ballot_sync(mask, threadIdx.x % 4 == 1);
    }
}

__global__ void barrier_votes_kernel(int* out) {
    const int predicate = threadIdx.x % 3 == 0;
    const int count = __syncthreads_count(predicate);
    const int all = __syncthreads_and(predicate);
    const int any = __syncthreads_or(predicate);
    const int none = __syncthreads_or(0);
    if (threadIdx.x != 69) return;
    out[0] = count;
    out[1] = all;
    out[2] = any;
    out[3] = none;
}

__global__ void atomics_kernel(int* integers, unsigned* sum, float* float_sum, double* double_sum) {
    const int id = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    atomicAdd(&integers[0], id);
    atomicMax(&integers[1], id);
    atomicMin(&integers[2], id);
    atomicExch(&integers[3], 77);
    int seen = 0;
    int before;
    do {
        before = seen;
        seen = atomicCAS(&integers[4], before, before + 1);
    } while (seen != before);
    atomicAdd(sum, 2u);
    atomicAdd(float_sum, 0.5f);
    atomicAdd(double_sum, 0.25);
}

__global__ void bit_atomics_kernel(unsigned* words) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    atomicAnd(&words[0], ~(1u << i % 32));
    atomicOr(&words[1], 1u << i % 32);
    atomicXor(&words[2], i);
    atomicInc(&words[3], 6);
    atomicDec(&words[4], 6);
    atomicSub(&words[5], i);
}

__global__ void arithmetic_kernel(int* integers, float* floats) {
    integers[0] = __popc(0xF0F0u);
    integers[1] = __clz(0x00010000);
    integers[2] = __ffs(0x00000100);
    integers[3] = min(3, -4);
    integers[4] = max(3, -4);
    integers[5] = __mulhi(1 << 30, 8);
    floats[0] = fmaf(3.0f, 4.0f, 5.0f);
    floats[1] = rsqrtf(4.0f);
    floats[2] = min(1.5f, 2.5f);
    floats[3] = __fmaf_rn(1.0f, 2.0f, 0.5f);
}

__global__ void copy_float4_kernel(float4* to, const float4* from, unsigned count) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    float4 value = from[i];
    value.w += 1.0f;
    to[i] = make_float4(value.x, value.y, value.z, value.w);
}

__global__ void round_trips_kernel(const float* values, float* as_bfloat16, float* as_half, unsigned count) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    as_bfloat16[i] = static_cast<float>(bf16(values[i]));
    as_half[i] = static_cast<float>(f16(values[i]));
}

__global__ void neighbours_kernel(unsigned char* bytes, unsigned short* words) {
    __shared__ unsigned char shared_bytes[64];
    __shared__ bf16 shared_words[64];
    shared_bytes[threadIdx.x] = static_cast<unsigned char>(threadIdx.x);
    shared_words[threadIdx.x] = bf16(static_cast<float>(threadIdx.x));
    bytes[blockIdx.x * blockDim.x + threadIdx.x] = shared_bytes[threadIdx.x];
    words[blockIdx.x * blockDim.x + threadIdx.x] =
        static_cast<unsigned short>(static_cast<float>(shared_words[threadIdx.x]));
}

__global__ void early_exit_kernel(int* values, unsigned count) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count || threadIdx.x % 2 == 1) return;
    values[i] *= 2;
}

__global__ void live_lanes_kernel(int* out, int live) {
    if (static_cast<int>(threadIdx.x) >= live) return;
    const unsigned mask = __ballot_sync(full_mask, 1);
    int sum = 0;
    for (int lane = 0; lane < live; ++lane) sum += __shfl_sync(mask, static_cast<int>(threadIdx.x), lane);
    out[threadIdx.x] = sum;
}

}  // namespace

void write_indices(int* out) { launch(indices_kernel, dim3(2, 3, 2), dim3(3, 2, 4), 0, nullptr, out); }

void block_sums(const float* values, float* sums, unsigned blocks, unsigned threads) {
    launch(block_sums_kernel, blocks, threads, 0, nullptr, values, sums);
}

void block_sums_dynamic(const float* values, float* sums, unsigned blocks, unsigned threads) {
    launch(block_sums_dynamic_kernel, blocks, threads, threads / 32 * sizeof(float), nullptr, values, sums);
}

void shuffles(int* out, int argument, int width) {
    launch(shuffles_kernel, 1, 32, 0, nullptr, out, argument, width);
}

void shuffle_doubles(double* out) { launch(shuffle_doubles_kernel, 1, 32, 0, nullptr, out); }

void votes(unsigned* out) { launch(votes_kernel, 1, 32, 0, nullptr, out); }

void half_votes(unsigned* out) { launch(half_votes_kernel, 1, 32, 0, nullptr, out); }

void barrier_votes(int* out) { launch(barrier_votes_kernel, 1, 70, 0, nullptr, out); }

void atomics(int* integers, unsigned* sum, float* float_sum, double* double_sum) {
    launch(atomics_kernel, 4, 64, 0, nullptr, integers, sum, float_sum, double_sum);
}

void bit_atomics(unsigned* words) { launch(bit_atomics_kernel, 4, 64, 0, nullptr, words); }

void arithmetic(int* integers, float* floats) {
    launch(arithmetic_kernel, 1, 1, 0, nullptr, integers, floats);
}

void copy_float4(float4* to, const float4* from, unsigned count) {
    launch(copy_float4_kernel, (count + 63) / 64, 64, 0, nullptr, to, from, count);
}

void round_trips(const float* values, float* as_bfloat16, float* as_half, unsigned count) {
    launch(round_trips_kernel, (count + 63) / 64, 64, 0, nullptr, values, as_bfloat16, as_half, count);
}

void write_neighbours(unsigned char* bytes, unsigned short* words) {
    launch(neighbours_kernel, 3, 64, 0, nullptr, bytes, words);
}

void early_exit(int* values, unsigned count) {
    launch(early_exit_kernel, (count + 63) / 64, 64, 0, nullptr, values, count);
}

void sum_of_live_lanes(int* out, int live) { launch(live_lanes_kernel, 1, 32, 0, nullptr, out, live); }

}  // namespace vitrine::simt::test
