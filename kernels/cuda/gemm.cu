// How a matrix product is cut into block tiles and splits: by its shape alone, so that the bits of a result
// do not depend on the GPU.

#include "kernels/cuda/gemm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "kernels/cuda/gemm_pair.h"
#include "kernels/cuda/runtime.h"

namespace vitrine::VITRINE_GPU {
namespace {

struct Candidate {
    GemmTiling tiling;
    int64_t rows;
    int64_t columns;
    /// Time of a multiply-add against the large tile's: smaller micro-tiles read more from shared memory for
    /// each.
    double cost;
    int64_t blocks = enough_blocks;  // that fill a GPU
};

constexpr std::array f32_tiles{Candidate{GemmTiling::tile_128x64, 128, 64, 1.0},
                               Candidate{GemmTiling::tile_128x32, 128, 32, 1.2},
                               Candidate{GemmTiling::tile_64x32, 64, 32, 1.5}};
/// Of 16-bit values. The wider one issues 0.73 (forward, d_x) to 0.84 (d_weight) of the other's instructions for a column (9.0).
constexpr std::array half_tiles{Candidate{GemmTiling::half_tensor_128x64, 128, 64, 1.0},
                                Candidate{GemmTiling::half_tensor_128x96, 128, 96, 0.85}};
/// Those that are only taken where they are asked for.
constexpr std::array tensor_tiles{Candidate{GemmTiling::tensor_128x64, 128, 64, 1.0},
                                  Candidate{GemmTiling::half_tensor_128x32, 128, 32, 1.0},
                                  // Four fit on a multiprocessor, and each has little to do while it waits.
                                  Candidate{GemmTiling::half_tensor_32x32, 32, 32, 1.0, 2 * enough_blocks}};
constexpr std::array f64_tiles{Candidate{GemmTiling::tile_64x32, 64, 32, 1.0}};

/// k of a split: shorter ones would leave a block little to do, and longer ones sum too many floats in a row for
/// their digits.
constexpr int64_t shortest_split = 128;
constexpr int64_t longest_split = 32768;

int64_t most_splits(int64_t k) { return std::max<int64_t>(1, k / shortest_split); }

/// Splits whose parts of C, written and read, take at most half the bytes of A and B.
int64_t affordable_splits(int64_t m, int64_t n, int64_t k) {
    return k * (m + n) / std::max<int64_t>(1, 4 * m * n);
}

/// Splits of a product with so few blocks that each has a multiprocessor for itself and waits for memory at every step of k:
/// s of them wait k / step / s times, and their parts of C, written and read, are 8 · m · n · s bytes. Both together take least
/// time where these bytes, times s, are what the second cache brings during all the waiting. As many as a tile's last block adds up.
int64_t unhurried_splits(int64_t m, int64_t n, int64_t k, int64_t step) {
    constexpr double bytes_of_a_wait = 2.7e6;  // an H100's: 9.7 TB/s for 280 ns (lab/common/gpus.cpp)
    const double waits = static_cast<double>(k) / static_cast<double>(step);
    const double best =
        std::sqrt(waits * bytes_of_a_wait / static_cast<double>(std::max<int64_t>(1, 8 * m * n)));
    return std::min(most_splits_of_last_block, static_cast<int64_t>(best));
}

/// The time that a tiling takes, in arbitrary units: all multiply-adds including those beyond the edges of C,
/// on as much of the GPU as there are blocks for.
double time_of(const Candidate& tile, int64_t m, int64_t n, int64_t k) {
    const int64_t blocks = divide_up(m, tile.rows) * divide_up(n, tile.columns);
    const double share =
        std::min(1.0, static_cast<double>(blocks * most_splits(k)) / static_cast<double>(enough_blocks));
    return static_cast<double>(blocks * tile.rows * tile.columns) * tile.cost / share;
}

Candidate choose_tile(DType dtype, int64_t m, int64_t n, int64_t k, GemmTiling tiling) {
    using Candidates = std::span<const Candidate>;
    const Candidates tiles = tiling == GemmTiling::half_tensor ? Candidates(half_tiles)
                             : dtype == DType::f64             ? Candidates(f64_tiles)
                                                               : Candidates(f32_tiles);
    for (const Candidates some : {tiles, Candidates(half_tiles), Candidates(tensor_tiles)}) {
        const auto asked_for = std::ranges::find(some, tiling, &Candidate::tiling);
        if (asked_for != some.end()) return *asked_for;
    }
    return *std::ranges::min_element(tiles, {},
                                     [&](const Candidate& tile) { return time_of(tile, m, n, k); });
}

/// Columns of which 16-bit values' larger tile would leave half empty.
constexpr int64_t few_half_columns = 32;

bool multiplies_halves(GemmTiling tiling) {
    return tiling == GemmTiling::half_tensor_128x64 || tiling == GemmTiling::half_tensor_128x96 ||
           tiling == GemmTiling::half_tensor_128x32 || tiling == GemmTiling::half_tensor_32x32;
}

/// k of a step.
int64_t step_of(GemmTiling tiling) { return multiplies_halves(tiling) ? half_depth : gemm_depth; }

/// Does nothing: its code was made for the same GPU as all others'.
__global__ void __launch_bounds__(32) any_kernel() {}

const char* refuses_code_of_75() {
    cudaFuncAttributes attributes{};
    VITRINE_CUDA(cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(any_kernel)));
    return attributes.ptxVersion >= 80 ? nullptr
                                       : "the code for this GPU is that of a compute capability below 8.0";
}

}  // namespace

const char* refuses_tensor_cores(DType dtype) {
    if (dtype != DType::f32) return "this tile takes f32 only";
    return refuses_code_of_75();
}

const char* refuses_half_tensor_cores(DType dtype) {
    if (!is_half(dtype)) return "this tile takes bf16 and f16 only";
    return dtype == DType::f16 ? nullptr : refuses_code_of_75();
}

GemmPlan plan_gemm(DType dtype, int64_t m, int64_t n, int64_t k, GemmTiling tiling) {
    const bool few_columns = n <= few_half_columns &&
                             (tiling == GemmTiling::half_tensor || tiling == GemmTiling::half_tensor_128x64);
    const Candidate tile = choose_tile(dtype, m, n, k, few_columns ? GemmTiling::half_tensor_128x32 : tiling);
    const int64_t row_tiles = divide_up(m, tile.rows);
    const int64_t column_tiles = divide_up(n, tile.columns);
    const int64_t blocks = std::max<int64_t>(1, row_tiles * column_tiles);
    const int64_t step = step_of(tile.tiling);
    const int64_t worthwhile = std::max(affordable_splits(m, n, k), unhurried_splits(m, n, k, step));
    const int64_t wanted = std::min({tile.blocks / blocks, most_splits(k), worthwhile});
    const int64_t splits = std::max({int64_t{1}, wanted, divide_up(k, longest_split)});
    return with_splits({tile.tiling, row_tiles, column_tiles, splits, k}, k, splits);
}

GemmPlan plan_of_pair(DType dtype, int64_t m, int64_t n, int64_t k) {
    const int64_t affordable = std::max<int64_t>(1, affordable_splits(m, n, k));
    return with_splits(plan_gemm(dtype, m, n, k, GemmTiling::tile_64x32), k,
                       std::min(affordable, most_splits_of_last_block));
}

GemmPlan with_splits(const GemmPlan& plan, int64_t k, int64_t most_splits) {
    const int64_t splits = std::min(plan.splits, most_splits);
    const int64_t step = step_of(plan.tiling);
    const int64_t depth = std::max<int64_t>(step, divide_up(divide_up(k, splits), step) * step);
    return {plan.tiling, plan.row_tiles, plan.column_tiles, std::max<int64_t>(1, divide_up(k, depth)), depth};
}

}  // namespace vitrine::VITRINE_GPU
