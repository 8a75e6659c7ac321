// The tiled matrix product: the smallest kernel in which barriers matter.

#include "tests/simt/gemm.h"

#include "kernels/cuda/cuda_compat.h"

namespace vitrine::simt::test {
namespace {

constexpr int tile = 16;

template <int removed>
__global__ void __launch_bounds__(tile* tile)
    tiled_gemm(const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c, int m, int n,
               int k) {
    __shared__ float a_tile[tile][tile];
    __shared__ float b_tile[tile][tile];
    const int row = static_cast<int>(blockIdx.y) * tile + static_cast<int>(threadIdx.y);
    const int column = static_cast<int>(blockIdx.x) * tile + static_cast<int>(threadIdx.x);
    const int x = static_cast<int>(threadIdx.x);
    const int y = static_cast<int>(threadIdx.y);
    float sum = 0.0f;
    for (int begin = 0; begin < k; begin += tile) {
        a_tile[y][x] = row < m && begin + x < k ? a[row * k + begin + x] : 0.0f;
        b_tile[y][x] = begin + y < k && column < n ? b[(begin + y) * n + column] : 0.0f;
        if (removed != 0) __syncthreads();
        for (int i = 0; i < tile; ++i) sum = fmaf(a_tile[y][i], b_tile[i][x], sum);
        if (removed != 1) __syncthreads();
    }
    if (row < m && column < n) c[row * n + column] = sum;
}

template <int removed>
void run(const float* a, const float* b, float* c, int m, int n, int k) {
    const dim3 grid(static_cast<unsigned>((n + tile - 1) / tile),
                    static_cast<unsigned>((m + tile - 1) / tile));
    launch(tiled_gemm<removed>, grid, dim3(tile, tile), 0, nullptr, a, b, c, m, n, k);
}

}  // namespace

void gemm(const float* a, const float* b, float* c, int m, int n, int k) { run<-1>(a, b, c, m, n, k); }

void gemm_without_barrier(int removed, const float* a, const float* b, float* c, int m, int n, int k) {
    removed == 0 ? run<0>(a, b, c, m, n, k) : run<1>(a, b, c, m, n, k);
}

}  // namespace vitrine::simt::test
