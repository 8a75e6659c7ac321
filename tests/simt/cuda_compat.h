// Small kernels, one for each of CUDA's words, for the tests of the SIMT executor.
#pragma once

#include "kernels/cuda/cuda_compat.h"

namespace vitrine::simt::test {

/// out[linear thread] = {thread x, y, z, block x, y, z} packed by tens; grid 2 × 3 × 2, block 3 × 2 × 4.
void write_indices(int* out);

/// sums[block] = sum of values[block · threads …], by warp shuffles and shared memory.
void block_sums(const float* values, float* sums, unsigned blocks, unsigned threads);

/// The same through dynamic shared memory.
void block_sums_dynamic(const float* values, float* sums, unsigned blocks, unsigned threads);

/// Each kind of shuffle for one warp: out[kind · 32 + lane], kinds: indexed, up, down, xor; values are 100 +
/// lane.
void shuffles(int* out, int argument, int width);
void shuffle_doubles(double* out);

/// For one warp: out = {ballot of odd lanes, all, any, all of true, any of false}.
void votes(unsigned* out);
/// Half-warps vote apart: out[lane] = ballot of the lane's half.
void half_votes(unsigned* out);

/// out = {count, and, or, or of false} of a block of 70 threads, predicate: rank % 3 == 0.
void barrier_votes(int* out);

/// Atomics by 4 blocks of 64 threads. integers: {sum, max, min, last exchanged, count by compare-and-swap}.
void atomics(int* integers, unsigned* sum, float* float_sum, double* double_sum);

/// Atomics by 4 blocks of 64 threads, number i each. words: {and of all but bit i % 32, or of bit i % 32, xor
/// of i, counted up to 6 and round, counted down from 6 and round, less i}.
void bit_atomics(unsigned* words);

/// out[i] = {popc, clz, ffs, min, max, mulhi} of a fixed pair; floats: {fmaf, rsqrtf, min, max}.
void arithmetic(int* integers, float* floats);

/// to[i] = from[i] as whole vectors.
void copy_float4(float4* to, const float4* from, unsigned count);
/// float -> bf16 -> float and float -> half -> float.
void round_trips(const float* values, float* as_bfloat16, float* as_half, unsigned count);
/// Neighbouring threads write neighbouring bytes and 16-bit values, in shared and global memory.
void write_neighbours(unsigned char* bytes, unsigned short* words);

/// Threads 1, 2, 3… of each block exit before anything; the others double their value.
void early_exit(int* values, unsigned count);

/// As an early return in a tail warp: lanes from `live` on exit, the others sum their lane numbers among
/// themselves.
void sum_of_live_lanes(int* out, int live);

}  // namespace vitrine::simt::test
