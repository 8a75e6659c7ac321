// Block tiles of a matrix product: how the threads of a block share a tile of C, how a step's piece of A and B lies in
// shared memory, and how a step is multiplied. The product itself is gemm.h's, whatever the tile.
//
// A tile has
//
//     rows, columns                   of C
//     thread_rows, thread_columns     of C, that each thread has in registers when the product is complete
//     threads_down, threads_across    the threads above one another and side by side: which one the running thread is, and
//     thread_down(), thread_across()  which rows and columns of the tile it has. Columns come in packs of neighbours
//     row_of<T>(down, i), column_of<T>(across, j)
//     neighbouring_rows<T>            how many of a thread's rows lie side by side
//     depth                           k of a step
//     takes<A, B>                     whether it takes what these loaders bring
//     Layout<Loader, lines>           of an operand in shared memory; its `count` is in Elements, whatever lies there
//     multiply_step<A, B>(...)        sums += (`depth` columns of A) · (`depth` rows of B), which lie in these layouts
//     finish<B>(sums)                 before the epilogue; B is the loader
//
// and one of 16-bit values besides
//
//     loads_beyond                    true: it takes any values beyond the edges of A and B (gemm_loads.h)
//     line_at(place)                  which line of B it wants at a place of its layout, line by line
//     lanes_down                      how many lanes of a warp are above one another, with the same columns
//
// GemmTile is that of multiply-adds in registers. gemm_tensor.h has that of tensor cores for floats, and
// gemm_half_tensor.h that for 16 bits.
#pragma once

#include "kernels/cuda/gemm_operands.h"

namespace vitrine::VITRINE_GPU {

constexpr int gemm_threads = 128;
constexpr int gemm_depth = 8;  // k of a step of floats or doubles

/// An operand in shared memory k by k: [gemm_depth, lines], each k padded. Padding is in elements, whole packs of them.
template <class T, bool along_k, int lines, int padding>
struct DepthByDepth {
    static constexpr int stride = lines + padding;
    static constexpr int count = gemm_depth * stride;

    /// What a load has brought: from (line, k) on, along k or across it.
    template <class V>
    static __device__ __forceinline__ void store(T* shared, int line, int k, const V& v) {
        if constexpr (along_k) {
            VITRINE_UNROLL
            for (int j = 0; j < V::size; ++j) shared[(k + j) * stride + line] = v[j];
        } else {
            store_values(shared + k * stride + line, v);
        }
    }
};

/// A thread's `count` values of one k, in packs that are `apart` values from one another.
template <int count, int apart, class T>
__device__ __forceinline__ void read_values(const T* shared, T (&values)[count]) {
    constexpr int size = Pack<T>::size;
    VITRINE_UNROLL
    for (int i = 0; i < count / size; ++i) {
        const Pack<T> pack = load_pack(shared + i * apart);
        VITRINE_UNROLL
        for (int j = 0; j < size; ++j) values[i * size + j] = pack[j];
    }
}

/// 16 × 8 threads, each with rows_of_thread × columns_of_thread of C, dealt out in packs: a thread has thread_rows / size
/// packs of rows, threads_down packs apart, and columns likewise.
template <int rows_of_thread, int columns_of_thread>
struct GemmTile {
    static constexpr int thread_rows = rows_of_thread;
    static constexpr int thread_columns = columns_of_thread;
    static constexpr int threads_across = 8;
    static constexpr int threads_down = gemm_threads / threads_across;
    static constexpr int rows = threads_down * rows_of_thread;
    static constexpr int columns = threads_across * columns_of_thread;
    static constexpr int sums_stride = columns;  // of a table with the sums of each thread's columns
    template <class T>
    static constexpr int neighbouring_rows = Pack<T>::size;
    static constexpr int depth = gemm_depth;
    template <class A, class B>
    static constexpr bool takes = !is_half_type<typename A::Value::Element>;

    template <class Loader, int lines>
    using Layout =
        DepthByDepth<typename Loader::Element, Loader::along_k, lines, Pack<typename Loader::Element>::size>;

    static __device__ __forceinline__ int thread_down() {
        return static_cast<int>(threadIdx.x) / threads_across;
    }
    static __device__ __forceinline__ int thread_across() {
        return static_cast<int>(threadIdx.x) % threads_across;
    }
    template <class T>
    static __device__ __forceinline__ int row_of(int down, int i) {
        constexpr int size = Pack<T>::size;
        return (i / size * threads_down + down) * size + i % size;
    }
    template <class T>
    static __device__ __forceinline__ int column_of(int across, int j) {
        constexpr int size = Pack<T>::size;
        return (j / size * threads_across + across) * size + j % size;
    }

    template <class A, class B, class T>
    static __device__ __forceinline__ void multiply_step(const T* left, const T* right,
                                                         T (&sums)[thread_rows][thread_columns]) {
        constexpr int size = Pack<T>::size;
        left += thread_down() * size;
        right += thread_across() * size;
        VITRINE_UNROLL
        for (int k = 0; k < gemm_depth; ++k) {
            T a[thread_rows];
            T b[thread_columns];
            read_values<thread_rows, threads_down * size>(left + k * A::stride, a);
            read_values<thread_columns, threads_across * size>(right + k * B::stride, b);
            VITRINE_UNROLL
            for (int i = 0; i < thread_rows; ++i) {
                VITRINE_UNROLL
                for (int j = 0; j < thread_columns; ++j) sums[i][j] = multiply_add(a[i], b[j], sums[i][j]);
            }
        }
    }

    template <class B, class T>
    static __device__ __forceinline__ void finish(T (&)[thread_rows][thread_columns]) {}
};

}  // namespace vitrine::VITRINE_GPU
