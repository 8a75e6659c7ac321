// Kernels that promise something, for the tests of what becomes of promises: how many threads a block has at
// most, what memory nobody writes.
#pragma once

#include <cstdint>

namespace vitrine::simt::test {

// Blocks of `threads` threads, of kernels with …
void launch_bound_by_64(int threads);         // __launch_bounds__(64)
void launch_bound_by_its_type(int threads);   // __launch_bounds__(2 * N, 3), N = 48
void launch_unbound(int threads);             // nothing, in a program whose other kernels are bound
void launch_with_parameters_of_4096_bytes();  // in all
void launch_with_parameters_of_4100_bytes();
void launch_grid(unsigned x, unsigned y, unsigned z, unsigned shared_bytes);

// Memory that is read as read-only, by blocks of 32 threads.
void add_one(const float* from, float* to, int count);  // each thread its own element, through ReadOnly
void add_one_to_bytes(const uint8_t* from, uint8_t* to, int count);
void add_one_by_ldg(const float* from, float* to, int count);    // the same by __ldg
void add_one_to_packs(const float* from, float* to, int count);  // the same, 16 bytes at a time
void add_one_openly(const float* from, float* to, int count);    // the same, without a promise
/// Two passes over `bytes` bytes: the second reads, by __ldg, what the first has written; as nvcc compiles a
/// `const T* __restrict__` that later points to memory which the kernel writes.
void reverse_twice(const uint8_t* image, uint8_t* areas, int bytes);
/// Thread 0 adds to total atomically; all read it, after a barrier, as read-only memory.
void read_a_running_total(int* total, int* out);

/// equal[0]: how many exp(x[i]) are expected[i] to the last bit. A kernel that counts on it is wrong on a
/// GPU.
void count_equal_exps(const float* x, const float* expected, int* equal, int count);

enum class MathWord { exp, log, pow, rsqrt, tanh, cos, exp_of_zero, log_of_one, pow_of_one, root };
/// out[i] = word(x[i])
void compute(MathWord word, const float* x, float* out, int count);
void compute(MathWord word, const double* x, double* out, int count);

}  // namespace vitrine::simt::test
