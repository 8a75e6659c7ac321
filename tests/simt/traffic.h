// Kernels with known traffic, for the tests of the SIMT executor's counters. Each is one warp unless it says
// more.
#pragma once

namespace vitrine::simt::test {

void copy_with_stride(const float* from, float* to, int stride);  // to[lane] = from[stride · lane]
void copy_shifted(const float* from, float* to);                  // to[lane] = from[lane + 1]
void read_one_by_all(const float* from, float* to);               // to[lane] = from[0]

/// Every one of `blocks` warps reads from[lane] `times` times, and writes its own 32 floats of `to`.
void read_again(const float* from, float* to, unsigned blocks, int times);
/// Every lane adds 1 to *sum, atomically.
void add_all(int* sum);
/// `count` fused multiply-adds in float, and as many in double.
void multiply_add_chain(float* to, int count);

/// Shared memory: lane l writes word stride · l, and after __syncwarp reads it back.
void shared_with_stride(float* to, int stride);
/// All lanes read one word; then pairs of floats; then four floats.
void shared_wide(float* to);
/// A 32 × 32 transpose by 32 × 8 threads through a tile whose rows are 32 or 33 words long.
void transpose(const float* from, float* to, bool padded);

/// Only lanes below `live` read.
void read_partly(const float* from, float* to, int live);
/// Lane l reads l + 1 elements, in a loop.
void read_triangle(const float* from, float* to);

}  // namespace vitrine::simt::test
