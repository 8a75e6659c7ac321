// Kernels with planted defects.

#include "tests/simt/defects.h"

#include "kernels/cuda/cuda_compat.h"

namespace vitrine::simt::test {
namespace {

constexpr unsigned full_mask = 0xFFFFFFFFu;
constexpr unsigned low_half = 0x0000FFFFu;

__global__ void barrier_in_a_branch_kernel() {
    if (threadIdx.x % 2 == 0) __syncthreads();
}

__global__ void barriers_in_two_branches_kernel() {
    if (threadIdx.x < 32) {
        __syncthreads();
    } else {
        __syncthreads();
    }
}

__global__ void barrier_of_another_kind_kernel() {
    if (threadIdx.x < 32) {
        __syncthreads();
    } else {
        __syncthreads_or(1);
    }
}

__global__ void barrier_against_shuffle_kernel() {
    if (threadIdx.x == 0) {
        __syncthreads();
    } else {
        __shfl_sync(full_mask, 1, 1);
    }
}

__global__ void two_warp_operations_kernel() {
    if (threadIdx.x < 16) {
        __shfl_sync(full_mask, 1, 1);
    } else {
        __ballot_sync(full_mask, 1);
    }
}

__global__ void shuffle_from_exited_lane_kernel() {
    if (threadIdx.x == 31) return;
    __shfl_sync(full_mask, 1, 31);
}

__global__ void shuffle_from_unnamed_lane_kernel() {
    if (threadIdx.x < 16) __shfl_xor_sync(low_half, 1, 16);
}

__global__ void shuffle_by_unnamed_lane_kernel() {
    if (threadIdx.x <= 16) __shfl_sync(low_half, 1, 0);
}

__global__ void shuffle_in_small_block_kernel() { __shfl_down_sync(full_mask, 1, 16); }

__global__ void shuffle_of_width_kernel(int width) { __shfl_sync(full_mask, 1, 0, width); }

__global__ void write_past_end_kernel(float* values) { values[threadIdx.x] = 1.0f; }

__global__ void read_before_beginning_kernel(float* values) { values[0] = values[-1]; }

__global__ void write_far_away_kernel(float* values) { values[1000000] = 1.0f; }

__global__ void write_misaligned_kernel(float* values) {
    *reinterpret_cast<float2*>(values + 1) = make_float2(1.0f, 2.0f);
}

__global__ void write_through_kernel(float* pointer) { *pointer = 1.0f; }

__global__ void overrun_dynamic_shared_kernel(int index) {
    VITRINE_DYNAMIC_SHARED(float, values);
    values[index] = 1.0f;
}

__global__ void read_uninitialised_kernel(int written, float* out) {
    __shared__ float half_written[32];
    if (static_cast<int>(threadIdx.x) != written) half_written[threadIdx.x] = 1.0f;
    __syncthreads();
    out[threadIdx.x] = half_written[threadIdx.x];
}

__global__ void read_uninitialised_dynamic_kernel(int written, float* out) {
    VITRINE_DYNAMIC_SHARED(float, half_written);
    if (static_cast<int>(threadIdx.x) != written) half_written[threadIdx.x] = 1.0f;
    __syncthreads();
    out[threadIdx.x] = half_written[threadIdx.x];
}

__global__ void read_left_over_kernel(float* out) {
    __shared__ float left_over;
    if (blockIdx.x == 0) left_over = 1.0f;
    out[blockIdx.x] = left_over;
}

__global__ void use_shared_memory_kernel(unsigned dynamic_bytes) {
    __shared__ float large[10000];
    VITRINE_DYNAMIC_SHARED(float, dynamic);
    for (unsigned i = threadIdx.x; i < 10000; i += blockDim.x) large[i] = 1.0f;
    for (unsigned i = threadIdx.x; i < dynamic_bytes / 4; i += blockDim.x) dynamic[i] = large[i];
}

__device__ float* large_of_function() {
    __shared__ float large[10000];
    for (unsigned i = threadIdx.x; i < 10000; i += blockDim.x) large[i] = 1.0f;
    return large;
}

__global__ void use_shared_memory_of_function_kernel(unsigned dynamic_bytes) {
    const float* large = large_of_function();
    VITRINE_DYNAMIC_SHARED(float, dynamic);
    for (unsigned i = threadIdx.x; i < dynamic_bytes / 4; i += blockDim.x) dynamic[i] = large[i];
}

__global__ void have_shared_memory_kernel(int* used) {
    __shared__ int large[10000];
    if (used != nullptr) *used = atomicAdd(&large[threadIdx.x], 1);
}

template <bool synchronised>
__global__ void reverse_by_block_kernel(int* values) {
    __shared__ int turned[64];
    turned[threadIdx.x] = values[threadIdx.x];
    if (synchronised) __syncthreads();
    values[threadIdx.x] = turned[63 - threadIdx.x];
}

template <int how>
__global__ void reverse_by_warp_kernel(int* values) {
    __shared__ int turned[32];
    turned[threadIdx.x] = values[threadIdx.x];
    if (how == 0) __syncwarp();
    if (how == 1) __shfl_sync(full_mask, 1, 0);
    if (how == 2 && threadIdx.x < 16) __syncwarp(low_half);
    values[threadIdx.x] = turned[31 - threadIdx.x];
}

template <bool synchronised>
__global__ void write_after_reads_kernel(int* out) {
    __shared__ int value;
    if (threadIdx.x == 0) value = 5;
    __syncthreads();
    out[threadIdx.x] = value;
    if (synchronised) __syncwarp();
    if (threadIdx.x == 0) value = 6;
}

template <bool atomic, bool synchronised>
__global__ void count_in_shared_kernel(int* out) {
    __shared__ int count;
    if (threadIdx.x == 0) count = 0;
    __syncthreads();
    if (atomic) {
        atomicAdd(&count, 1);
    } else {
        count = count + 1;
    }
    if (synchronised) __syncthreads();
    if (threadIdx.x == 0) *out = count;
}

__global__ void write_own_kernel(int* values) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    values[i] = static_cast<int>(i);
}

__global__ void write_same_kernel(int* values) {
    if (threadIdx.x == 0) values[0] = static_cast<int>(blockIdx.x);
}

__global__ void read_all_write_own_kernel(const int* from, int* to) {
    to[blockIdx.x * blockDim.x + threadIdx.x] = __ldg(from);
}

__global__ void read_neighbour_kernel(int* values) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    values[i] = values[i + 1];
}

template <bool atomic>
__global__ void add_to_one_kernel(int* total) {
    if (atomic) {
        atomicAdd(total, 1);
    } else {
        *total = *total + 1;
    }
}

/// One block of a kernel without arguments.
void one_block(void (*kernel)(), unsigned threads) { launch(kernel, 1, threads, 0, nullptr); }

}  // namespace

void barrier_in_a_branch() { one_block(barrier_in_a_branch_kernel, 64); }
void barriers_in_two_branches() { one_block(barriers_in_two_branches_kernel, 64); }
void barrier_of_another_kind() { one_block(barrier_of_another_kind_kernel, 64); }
void barrier_against_shuffle() { one_block(barrier_against_shuffle_kernel, 32); }
void two_warp_operations() { one_block(two_warp_operations_kernel, 32); }
void shuffle_from_exited_lane() { one_block(shuffle_from_exited_lane_kernel, 32); }
void shuffle_from_unnamed_lane() { one_block(shuffle_from_unnamed_lane_kernel, 32); }
void shuffle_by_unnamed_lane() { one_block(shuffle_by_unnamed_lane_kernel, 32); }
void shuffle_in_small_block() { one_block(shuffle_in_small_block_kernel, 16); }
void shuffle_of_width(int width) { launch(shuffle_of_width_kernel, 1, 32, 0, nullptr, width); }

void write_past_end(float* values, int count) {
    launch(write_past_end_kernel, 1, static_cast<unsigned>(count) + 1, 0, nullptr, values);
}
void read_before_beginning(float* values) { launch(read_before_beginning_kernel, 1, 1, 0, nullptr, values); }
void write_far_away(float* values) { launch(write_far_away_kernel, 1, 1, 0, nullptr, values); }
void write_misaligned(float* values) { launch(write_misaligned_kernel, 1, 1, 0, nullptr, values); }
void write_through(float* pointer) { launch(write_through_kernel, 1, 1, 0, nullptr, pointer); }
void overrun_dynamic_shared(int index) {
    launch(overrun_dynamic_shared_kernel, 1, 1, 64 * sizeof(float), nullptr, index);
}
void read_uninitialised(bool dynamic, int unwritten, float* out) {
    launch(dynamic ? read_uninitialised_dynamic_kernel : read_uninitialised_kernel, 1, 32,
           dynamic ? 32 * sizeof(float) : 0, nullptr, unwritten, out);
}
void read_left_over(float* out) { launch(read_left_over_kernel, 4, 1, 0, nullptr, out); }

void use_shared_memory(unsigned dynamic_bytes) {
    launch(use_shared_memory_kernel, 1, 256, dynamic_bytes, nullptr, dynamic_bytes);
}
void use_shared_memory_of_function(unsigned dynamic_bytes) {
    launch(use_shared_memory_of_function_kernel, 1, 256, dynamic_bytes, nullptr, dynamic_bytes);
}
void have_shared_memory(unsigned dynamic_bytes) {
    launch(have_shared_memory_kernel, 1, 256, dynamic_bytes, nullptr, nullptr);
}
void reverse_by_block(int* values, bool synchronised) {
    launch(synchronised ? reverse_by_block_kernel<true> : reverse_by_block_kernel<false>, 1, 64, 0, nullptr,
           values);
}
void reverse_by_warp(int* values, int how) {
    const auto kernel = how == 0   ? reverse_by_warp_kernel<0>
                        : how == 1 ? reverse_by_warp_kernel<1>
                                   : reverse_by_warp_kernel<2>;
    launch(kernel, 1, 32, 0, nullptr, values);
}
void write_after_reads(int* out, bool synchronised) {
    launch(synchronised ? write_after_reads_kernel<true> : write_after_reads_kernel<false>, 1, 32, 0, nullptr,
           out);
}
void count_in_shared(int* out, bool atomic, bool synchronised) {
    const auto kernel = !atomic        ? count_in_shared_kernel<false, true>
                        : synchronised ? count_in_shared_kernel<true, true>
                                       : count_in_shared_kernel<true, false>;
    launch(kernel, 1, 64, 0, nullptr, out);
}

void write_own(int* values) { launch(write_own_kernel, 4, 32, 0, nullptr, values); }
void write_same(int* values) { launch(write_same_kernel, 4, 32, 0, nullptr, values); }
void read_all_write_own(const int* from, int* to) {
    launch(read_all_write_own_kernel, 4, 32, 0, nullptr, from, to);
}
void read_neighbour(int* values) { launch(read_neighbour_kernel, 4, 32, 0, nullptr, values); }
void add_to_one(int* total, bool atomic) {
    launch(atomic ? add_to_one_kernel<true> : add_to_one_kernel<false>, 4, 32, 0, nullptr, total);
}

}  // namespace vitrine::simt::test
