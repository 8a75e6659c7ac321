// A tiled matrix product for the tests of the SIMT executor.
#pragma once

namespace vitrine::simt::test {

/// c[m, n] = a[m, k] · b[k, n], row-major, on the device; 16 × 16 tiles.
void gemm(const float* a, const float* b, float* c, int m, int n, int k);

/// The same with one of its barriers left out: 0 after the tiles are written, 1 before they are written
/// again.
void gemm_without_barrier(int removed, const float* a, const float* b, float* c, int m, int n, int k);

}  // namespace vitrine::simt::test
