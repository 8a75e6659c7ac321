// Kernels that promise something, and their launches.

#include "tests/simt/promises.h"

#include "kernels/cuda/cuda_compat.h"

namespace vitrine::simt::test {
namespace {

constexpr int bound = 64;

__global__ void __launch_bounds__(bound) bound_kernel() {}

template <int N>
__global__ void __launch_bounds__(2 * N, 3) bound_by_type_kernel() {}

__global__ void unbound_kernel() {}

struct Bytes4080 {
    char bytes[4080];
};
__global__ void parameters_of_4096_bytes_kernel(int, double, Bytes4080) {}  // 8 bytes before the double's
__global__ void parameters_of_4100_bytes_kernel(int, double, Bytes4080, char) {}

__device__ int own_index() { return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); }

template <class T>
__global__ void add_one_kernel(ReadOnly<T> from, T* to, int count) {
    const int i = own_index();
    if (i < count) to[i] = static_cast<T>(from[i] + 1);
}

__global__ void add_one_by_ldg_kernel(const float* from, float* to, int count) {
    const int i = own_index();
    if (i < count) to[i] = __ldg(from + i) + 1;
}

__global__ void add_one_to_packs_kernel(ReadOnly<float> from, float* to, int count) {
    const int i = 4 * own_index();
    if (i >= count) return;
    const float4 v = load_as<float4>(from + i);
    *reinterpret_cast<float4*>(to + i) = make_float4(v.x + 1, v.y + 1, v.z + 1, v.w + 1);
}

__global__ void add_one_openly_kernel(const float* from, float* to, int count) {
    const int i = own_index();
    if (i < count) to[i] = from[i] + 1;
}

__global__ void reverse_twice_kernel(const uint8_t* image, uint8_t* areas, int bytes) {
    const uint8_t* from = image;
    for (int pass = 0; pass < 2; ++pass) {
        uint8_t* to = areas + pass * bytes;
        for (int i = static_cast<int>(threadIdx.x); i < bytes; i += static_cast<int>(blockDim.x))
            to[i] = __ldg(from + (bytes - 1 - i));
        __syncthreads();
        from = to;
    }
}

__global__ void read_a_running_total_kernel(int* total, int* out) {
    if (threadIdx.x == 0) atomicAdd(total, 1);
    __syncthreads();
    out[threadIdx.x] = __ldg(total);
}

__global__ void count_equal_exps_kernel(const float* x, const float* expected, int* equal, int count) {
    const int i = own_index();
    if (i < count && std::exp(x[i]) == expected[i]) atomicAdd(equal, 1);
}

template <class T>
__device__ T computed(MathWord word, T x) {
    switch (word) {
        case MathWord::exp:
            return std::exp(x);
        case MathWord::log:
            return std::log(x);
        case MathWord::pow:
            return std::pow(x, T(1.5));
        case MathWord::rsqrt:
            return rsqrt(x);
        case MathWord::tanh:
            return std::tanh(x);
        case MathWord::cos:
            return std::cos(x);
        case MathWord::exp_of_zero:
            return std::exp(x - x);
        case MathWord::log_of_one:
            return std::log(x / x);
        case MathWord::pow_of_one:
            return std::pow(x / x, x) + std::pow(x, x - x);
        default:
            return std::sqrt(x) / T(3);
    }
}

template <class T>
__global__ void compute_kernel(MathWord word, const T* x, T* out, int count) {
    const int i = own_index();
    if (i < count) out[i] = computed(word, x[i]);
}

unsigned blocks_of_32(int count) { return static_cast<unsigned>((count + 31) / 32); }

}  // namespace

void launch_bound_by_64(int threads) { launch(bound_kernel, 1, static_cast<unsigned>(threads), 0, nullptr); }
void launch_bound_by_its_type(int threads) {
    launch(bound_by_type_kernel<48>, 1, static_cast<unsigned>(threads), 0, nullptr);
}
void launch_unbound(int threads) { launch(unbound_kernel, 1, static_cast<unsigned>(threads), 0, nullptr); }
void launch_with_parameters_of_4096_bytes() {
    launch(parameters_of_4096_bytes_kernel, 1, 1, 0, nullptr, 1, 2.0, Bytes4080{});
}
void launch_with_parameters_of_4100_bytes() {
    launch(parameters_of_4100_bytes_kernel, 1, 1, 0, nullptr, 1, 2.0, Bytes4080{}, 'c');
}
void launch_grid(unsigned x, unsigned y, unsigned z, unsigned shared_bytes) {
    launch(unbound_kernel, dim3(x, y, z), 1, shared_bytes, nullptr);
}

void add_one(const float* from, float* to, int count) {
    launch(add_one_kernel<float>, blocks_of_32(count), 32, 0, nullptr, from, to, count);
}
void add_one_to_bytes(const uint8_t* from, uint8_t* to, int count) {
    launch(add_one_kernel<uint8_t>, blocks_of_32(count), 32, 0, nullptr, from, to, count);
}
void add_one_by_ldg(const float* from, float* to, int count) {
    launch(add_one_by_ldg_kernel, blocks_of_32(count), 32, 0, nullptr, from, to, count);
}
void add_one_to_packs(const float* from, float* to, int count) {
    launch(add_one_to_packs_kernel, blocks_of_32(count / 4), 32, 0, nullptr, from, to, count);
}
void add_one_openly(const float* from, float* to, int count) {
    launch(add_one_openly_kernel, blocks_of_32(count), 32, 0, nullptr, from, to, count);
}
void reverse_twice(const uint8_t* image, uint8_t* areas, int bytes) {
    launch(reverse_twice_kernel, 1, 32, 0, nullptr, image, areas, bytes);
}
void read_a_running_total(int* total, int* out) {
    launch(read_a_running_total_kernel, 1, 32, 0, nullptr, total, out);
}
void count_equal_exps(const float* x, const float* expected, int* equal, int count) {
    launch(count_equal_exps_kernel, blocks_of_32(count), 32, 0, nullptr, x, expected, equal, count);
}
void compute(MathWord word, const float* x, float* out, int count) {
    launch(compute_kernel<float>, blocks_of_32(count), 32, 0, nullptr, word, x, out, count);
}
void compute(MathWord word, const double* x, double* out, int count) {
    launch(compute_kernel<double>, blocks_of_32(count), 32, 0, nullptr, word, x, out, count);
}

}  // namespace vitrine::simt::test
