// The matrix product's lower rungs: what the product of gemm.h grew out of. Any strides, any size, no
// prologue or epilogue. Matrices of 16-bit values are multiplied as floats; what is written may be either.
//
//   naive    One thread an element of C. It reads both factors of every multiply-add from global memory: 8
//            bytes of floats for 2 FLOPs. (A warp's 32 threads share a row of A, and their columns of B lie
//            side by side, so caches serve most of it.) Bound by the load units: two loads a multiply-add.
//   tiled    A block of 16 × 16 threads puts 16 × 16 of A and of B into shared memory and uses each value 16
//            times: 0.5 bytes from global memory a multiply-add. Now shared memory is the bound: a warp
//            still reads twice for each multiply-add, and a multiprocessor serves one read a clock while it
//            could do four multiply-adds: an eighth of its arithmetic.
//   gemm.h   A thread has 8 × 8 elements: 16 values from shared memory, in 4 reads, for 64 multiply-adds.
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

/// value(i, j) = data[i · row_stride + j · column_stride]
template <class T>
struct StridedMatrix {
    const T* data;
    int64_t rows;
    int64_t columns;
    int64_t row_stride;
    int64_t column_stride;

    __device__ __forceinline__ Accumulate<T> operator()(int64_t row, int64_t column) const {
        return load_value(data + row * row_stride + column * column_stride);
    }
};

template <class T>
StridedMatrix<T> matrix_of(const void* data, int64_t rows, int64_t columns) {
    return {static_cast<const T*>(data), rows, columns, columns, 1};
}
template <class T>
StridedMatrix<T> transposed(const StridedMatrix<T>& m) {
    return {m.data, m.columns, m.rows, m.column_stride, m.row_stride};
}

/// How many products are added up before the sum joins the sum of sums: so floats keep their digits however
/// long k is.
constexpr int64_t ladder_chunk = 256;

constexpr int naive_threads = 256;

template <class T, class To>
__global__ void __launch_bounds__(naive_threads)
    multiply_naively(StridedMatrix<T> a, StridedMatrix<T> b, ReadOnly<Accumulate<T>> bias,
                     GradientWriter<To> c) {
    using A = Accumulate<T>;
    const int64_t index = thread_index();
    const int64_t row = index / b.columns;
    const int64_t column = index - row * b.columns;
    if (row >= a.rows) return;
    A total = A(0);
    for (int64_t k = 0; k < a.columns;) {
        const int64_t end = min(k + ladder_chunk, a.columns);
        A sum = A(0);
        for (; k < end; ++k) sum = multiply_add(a(row, k), b(k, column), sum);
        total += sum;
    }
    c(index, bias == nullptr ? total : total + bias[column]);
}

/// C [a.rows, b.columns] = a · b + bias. A rung: see above.
struct NaiveProduct {
    template <class T, class To>
    static void run(const StridedMatrix<T>& a, const StridedMatrix<T>& b, const Accumulate<T>* bias,
                    const GradientWriter<To>& c) {
        if (a.rows * b.columns == 0) return;
        launch(multiply_naively<T, To>, blocks_for(a.rows * b.columns, naive_threads), naive_threads, 0,
               stream(), a, b, bias, c);
    }
};

constexpr int tile_side = 16;

/// The padding of a row moves the transposed writes of a tile to different banks: a warp of floats writes two
/// values of each of 16 rows, a half-warp of doubles one of each.
template <class T>
using SquareTile = T[tile_side][tile_side + 8 / sizeof(T)];

/// Loads the tile whose first element is (row, column), in the order in which the matrix lies in memory, so
/// that 16 neighbouring threads read neighbouring addresses.
template <class T>
__device__ __forceinline__ void load_square(const StridedMatrix<T>& from, int64_t row, int64_t column,
                                            SquareTile<Accumulate<T>>& tile) {
    const int x = static_cast<int>(threadIdx.x);
    const int y = static_cast<int>(threadIdx.y);
    const bool turned = from.column_stride != 1;
    const int i = turned ? x : y;
    const int j = turned ? y : x;
    const bool inside = row + i < from.rows && column + j < from.columns;
    tile[i][j] = inside ? from(row + i, column + j) : Accumulate<T>(0);
}

template <class T, class To>
__global__ void __launch_bounds__(tile_side* tile_side)
    multiply_tiles(StridedMatrix<T> a, StridedMatrix<T> b, ReadOnly<Accumulate<T>> bias, GradientWriter<To> c,
                   int64_t column_tiles) {
    using A = Accumulate<T>;
    __shared__ SquareTile<A> a_tile;
    __shared__ SquareTile<A> b_tile;
    const int x = static_cast<int>(threadIdx.x);
    const int y = static_cast<int>(threadIdx.y);
    const int64_t first_row = int64_t{blockIdx.x} / column_tiles * tile_side;
    const int64_t first_column = int64_t{blockIdx.x} % column_tiles * tile_side;

    A total = A(0);
    A chunk = A(0);
    for (int64_t k = 0; k < a.columns; k += tile_side) {
        load_square(a, first_row, k, a_tile);
        load_square(b, k, first_column, b_tile);
        __syncthreads();
        VITRINE_UNROLL
        for (int i = 0; i < tile_side; ++i) chunk = multiply_add(a_tile[y][i], b_tile[i][x], chunk);
        if ((k + tile_side) % ladder_chunk == 0) {
            total += chunk;
            chunk = A(0);
        }
        __syncthreads();
    }
    total += chunk;

    const int64_t row = first_row + y;
    const int64_t column = first_column + x;
    if (row >= a.rows || column >= b.columns) return;
    c(row * b.columns + column, bias == nullptr ? total : total + bias[column]);
}

struct TiledProduct {
    template <class T, class To>
    static void run(const StridedMatrix<T>& a, const StridedMatrix<T>& b, const Accumulate<T>* bias,
                    const GradientWriter<To>& c) {
        if (a.rows * b.columns == 0) return;
        const int64_t column_tiles = divide_up(b.columns, int64_t{tile_side});
        const int64_t row_tiles = divide_up(a.rows, int64_t{tile_side});
        launch(multiply_tiles<T, To>, blocks_for(row_tiles * column_tiles, 1), dim3(tile_side, tile_side), 0,
               stream(), a, b, bias, c, column_tiles);
    }
};

}  // namespace vitrine::VITRINE_GPU
