// Matrix products C[m, n] = Σ_k A(m, k) · B(k, n): the core of pointwise and dense convolutions and of linear
// layers.
//
// A block of 128 threads computes a tile of C, each thread a micro-tile of it in registers:
//
//              8 threads side by side
//             ┌────┬────┬────┬────┐    k goes in steps of 8. For each, the block puts 8 columns of A
//          16 │ t0 │ t1 │ …  │ t7 │    and 8 rows of B into shared memory, and every thread multiplies
//     threads ├────┼────┼────┼────┤    its rows of the one with its columns of the other: 8 · 8
//       below │ t8 │ …  │    │    │    multiply-adds for 8 + 8 values read from shared memory, and
//             └────┴────┴────┴────┘    those in packs of 16 bytes.
//
// While a step is multiplied, the loads of the next one are already under way into registers; they land in
// the second half of the shared memory, so one barrier a step is enough (gemm_loads.h).
//
// Bytes from global memory (or L2) for a multiply-add of floats: 4 / columns + 4 / rows of the block tile.
// The 128 × 64 tile needs 0.094, a thread by itself 8: the product is bound by arithmetic as soon as k is
// some dozens, by the bytes of A, B and C before that. FLOPs: 2 · m · n · k.
//
// How the tiles avoid bank conflicts: a tile is stored k by k, padded by one pack. Reading, the 8 threads
// that are served together read 8 neighbouring packs of B and all the same pack of A. Writing values that are
// neighbours in k, the padding moves them to other banks (see GemmOperand).
//
// Few tiles cannot fill a GPU. Where m · n is small and k long, the sum over k is split among blocks
// (gridDim.z): they leave partial tiles in scratch memory, which a second kernel adds up (gemm_split.h).
// Every weight gradient is such a product: its k are the pixels of the batch.
//
// What a product multiplies comes from loaders (gemm_operands.h says how to write one), and where it goes is
// the epilogue's matter (gemm_epilogues.h). Tiles and splits follow from the shapes alone, and with them the
// order of every sum.
#pragma once

#include <algorithm>

#include "kernels/cuda/gemm_half_tensor.h"
#include "kernels/cuda/gemm_loads.h"

namespace vitrine::VITRINE_GPU {

/// The product as the kernel sees it. All matrices have less than 2³¹ elements.
struct GemmShape {
    int m;
    int n;
    int k;
    int split_depth;   // k of each split: a multiple of gemm_depth
    int column_tiles;  // block tiles side by side
};

/// What of a product a block computes: a tile of C, over one of the splits of k.
struct GemmBlock {
    int tile;
    int split;
    int splits;
};

/// Where the running thread's micro-tile lies in C.
template <class T, class Tile>
struct GemmPlace {
    GemmBlock block;
    int first_row;     // of the block tile
    int first_column;  // of the block tile
    int rows;          // m
    int columns;       // n
    int row_tile;      // which block tile of rows
    int thread_down = Tile::thread_down();
    int thread_across = Tile::thread_across();

    __device__ __forceinline__ GemmPlace(const GemmShape& shape, const GemmBlock& which)
        : block(which), rows(shape.m), columns(shape.n) {
        row_tile = block.tile / shape.column_tiles;
        first_row = row_tile * Tile::rows;
        first_column = (block.tile - row_tile * shape.column_tiles) * Tile::columns;
    }

    /// Row i of the micro-tile, within the block tile.
    __device__ __forceinline__ int local_row(int i) const { return Tile::template row_of<T>(thread_down, i); }
    __device__ __forceinline__ int local_column(int j) const {
        return Tile::template column_of<T>(thread_across, j);
    }
    __device__ __forceinline__ int row(int i) const { return first_row + local_row(i); }
    __device__ __forceinline__ int column(int j) const { return first_column + local_column(j); }
    /// How many rows of the block tile there are.
    __device__ __forceinline__ int rows_here() const { return min(Tile::rows, rows - first_row); }
};

/// Both stages of both operands. A struct, because that is what both compilers align.
template <class T, int count>
struct alignas(16) GemmShared {
    T values[count];
};

/// A block's. A function, so that all products that need as much share the variable: under the executor each takes room in
/// every OS thread of the program (kernels/simt/README.md).
template <class T, int count>
__device__ __forceinline__ GemmShared<T, count>& gemm_memory() {
    __shared__ GemmShared<T, count> memory;
    return memory;
}

/// Blocks that a multiprocessor should hold at once, by the bytes of a thread's micro-tile. It tells the
/// compiler how many registers it may use: about 128, 100, 168 or all 255; by itself it rather spills one than
/// give up a block.
template <class T, class Tile>
constexpr int gemm_blocks_at_once = [] {
    const size_t bytes = Tile::thread_rows * Tile::thread_columns * sizeof(T);
    return bytes <= 32 ? 4 : bytes <= 64 ? 5 : bytes <= 128 ? 3 : 2;  // the smallest gathers its values
}();

/// How much shared memory a block needs: both stages of both operands.
template <class Tile, class A, class B>
constexpr int gemm_shared_count = 2 * (GemmOperand<A, Tile, Tile::rows, false>::Layout::count +
                                       GemmOperand<B, Tile, Tile::columns, true>::Layout::count);

/// What a block does. Epilogue is called by all of its threads as
///     epilogue(place, sums, shared)
/// with the thread's GemmPlace, its sums [thread_rows][thread_columns], and the block's shared memory, which
/// is free by then (2 · gemm_depth · (rows + columns) elements of it can be counted on).
template <class Tile, class A, class B, class Epilogue>
__device__ __forceinline__ void multiply_tile(const GemmShape& shape, const GemmBlock& block, const A& a,
                                              const B& b, const Epilogue& epilogue,
                                              typename A::Element* shared) {
    using T = typename A::Element;
    using Left = GemmOperand<A, Tile, Tile::rows, false>;
    using Right = GemmOperand<B, Tile, Tile::columns, true>;
    using LeftLayout = typename Left::Layout;
    using RightLayout = typename Right::Layout;
    constexpr int stage = LeftLayout::count + RightLayout::count;

    const GemmPlace<T, Tile> place(shape, block);
    Left left(a, place.first_row, shape.m);
    Right right(b, place.first_column, shape.n);
    T sums[Tile::thread_rows][Tile::thread_columns] = {};

    int k = block.split * shape.split_depth;
    const int end = min(shape.k - k, shape.split_depth) + k;
    const auto wait_for_copies = [] {
        if constexpr (Left::copied || Right::copied) {
            commit_copies();
            wait_copies<0>();
        }
    };
    if (k < end || !LoadsBeyond<Tile>) {
        left.fetch(a, k, end, shared);
        right.fetch(b, k, end, shared + LeftLayout::count);
        left.store(a, k, end, shared);
        right.store(b, k, end, shared + LeftLayout::count);
        wait_for_copies();
    }
    __syncthreads();

    int current = 0;
    for (; k < end; k += Tile::depth) {
        const bool more = end - k > Tile::depth;
        const T* now = shared + current * stage;
        current ^= 1;
        T* next = shared + current * stage;
        if (more) {
            left.fetch(a, k + Tile::depth, end, next);
            right.fetch(b, k + Tile::depth, end, next + LeftLayout::count);
        }
        Tile::template multiply_step<LeftLayout, RightLayout>(now, now + LeftLayout::count, sums);
        if (more) {
            left.store(a, k + Tile::depth, end, next);
            right.store(b, k + Tile::depth, end, next + LeftLayout::count);
            wait_for_copies();
        }
        __syncthreads();
    }
    Tile::template finish<B>(sums);
    epilogue(place, sums, shared);
}

/// The kernel.
template <class Tile, class A, class B, class Epilogue>
__global__ void __launch_bounds__(gemm_threads, (gemm_blocks_at_once<typename A::Element, Tile>))
    gemm(GemmShape shape, A a, B b, Epilogue epilogue) {
    auto& memory = gemm_memory<typename A::Element, gemm_shared_count<Tile, A, B>>();
    const GemmBlock block{static_cast<int>(blockIdx.x), static_cast<int>(blockIdx.z),
                          static_cast<int>(gridDim.z)};
    multiply_tile<Tile>(shape, block, a, b, epilogue, memory.values);
}

/// Null, or why no product of this type can use the tensor cores' tile of floats, or of 16-bit values: the type, or the code
/// that this build has for the GPU.
const char* refuses_tensor_cores(DType dtype);
const char* refuses_half_tensor_cores(DType dtype);

/// The block tiles of floats, in rows and columns of C. Doubles have only the smallest.
enum class GemmTiling : unsigned char {
    by_shape,  // the one that suits the shape best: what every product uses unless a test asks for another
    tile_128x64,
    tile_128x32,
    tile_64x32,
    tensor_128x64,  // by tensor cores: 3 products of tf32 for one of floats (gemm_tensor.h)
    half_tensor,  // by tensor cores, of 16-bit values (gemm_half_tensor.h): what suits the shape best of the next three
    half_tensor_128x64,  // of values that come in packs of 8; where columns are few it is half_tensor_128x32
    half_tensor_128x96,  // of matrices that lie row by row alone
    half_tensor_128x32,  // of few columns, also of what is gathered value by value (dense_conv_singles.h)
    half_tensor_32x32,   // and of that with few rows, too
};

struct GemmPlan {
    GemmTiling tiling;
    int64_t row_tiles;
    int64_t column_tiles;
    int64_t splits;       // of k
    int64_t split_depth;  // k of each but the last: a multiple of a step's
};

/// Two for each multiprocessor of an H100. Fewer leave it idle, and a T4 has only 40.
inline constexpr int64_t enough_blocks = 264;

/// Chooses tiles and splits by the shape alone. The plan's tiling is never by_shape.
GemmPlan plan_gemm(DType dtype, int64_t m, int64_t n, int64_t k, GemmTiling tiling = GemmTiling::by_shape);

/// The same plan with no more splits than these.
GemmPlan with_splits(const GemmPlan& plan, int64_t k, int64_t most_splits);

/// Calls f.operator()<Tile>() with the plan's tile. Tiles of doubles are small, so that nothing spills.
template <class T, class F>
void with_tile(GemmTiling tiling, F&& f) {
    if constexpr (sizeof(T) == 8) {
        f.template operator()<GemmTile<4, 4>>();
    } else {
        switch (tiling) {
            case GemmTiling::tile_128x64:
                return f.template operator()<GemmTile<8, 8>>();
            case GemmTiling::tile_128x32:
                return f.template operator()<GemmTile<8, 4>>();
            case GemmTiling::tile_64x32:
                return f.template operator()<GemmTile<4, 4>>();
            case GemmTiling::tensor_128x64:
                return f.template operator()<TensorTile<4, 4>>();
            case GemmTiling::half_tensor_128x64:
                return f.template operator()<HalfTensorTile<4, 4>>();
            case GemmTiling::half_tensor_128x96:
                return f.template operator()<HalfTensorTile<2, 12, 1>>();
            case GemmTiling::half_tensor_128x32:
                return f.template operator()<HalfTensorTile<2, 4, 1>>();
            case GemmTiling::half_tensor_32x32:
                return f.template operator()<HalfTensorTile<1, 2>>();
            case GemmTiling::by_shape:
            case GemmTiling::half_tensor:
                break;
        }
        throw std::logic_error("a product was launched without a plan");
    }
}

/// Calls f.operator()<V>() with what a load of a product of T brings: packs, or single values. The tensor cores' tile of
/// 16-bit values takes whole packs of these, all others what fills a pack of floats.
template <class T, class F>
void with_loads(bool packs, GemmTiling tiling, F&& f) {
    if constexpr (is_half_type<T>) {
        if (tiling == GemmTiling::half_tensor || tiling == GemmTiling::half_tensor_128x64 ||
            tiling == GemmTiling::half_tensor_128x96) {
            return f.template operator()<Pack<T>>();
        }
    }
    with_values<Accumulate<T>>(packs, f);
}

inline GemmShape gemm_shape(const GemmPlan& plan, int64_t m, int64_t n, int64_t k) {
    return {static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), static_cast<int>(plan.split_depth),
            static_cast<int>(plan.column_tiles)};
}

/// Launches the kernel as planned. With splits, the epilogue must take blockIdx.z into account.
template <class A, class B, class Epilogue>
void run_gemm(const GemmPlan& plan, int64_t m, int64_t n, int64_t k, const A& a, const B& b,
              const Epilogue& epilogue) {
    if (m * n == 0) return;
    const GemmShape shape = gemm_shape(plan, m, n, k);
    dim3 grid = blocks_for(plan.row_tiles * plan.column_tiles, 1);
    grid.z = static_cast<unsigned>(plan.splits);
    with_tile<typename A::Element>(plan.tiling, [&]<class Tile>() {
        if constexpr (Tile::template takes<A, B>) {
            launch(gemm<Tile, A, B, Epilogue>, grid, gemm_threads, 0, stream(), shape, a, b, epilogue);
        } else {
            throw std::logic_error("a product was planned with a tile that does not take its loads");
        }
    });
}

}  // namespace vitrine::VITRINE_GPU
