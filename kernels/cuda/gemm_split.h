// Products whose sum over k is split among blocks, and the kernel that puts the parts together.
//
// A weight gradient has m · n of some thousands and k of some hundred thousands (the pixels of the batch):
// with a block for each tile of C, a handful of blocks would work and the GPU idle. So several blocks share
// k, and each leaves its part of C in scratch memory. Bytes: the parts are written and read once, 8 · splits · m · n
// of floats; plan_gemm keeps this below half of the bytes of A and B, and k of a split at 128 or more. The parts are added
// in the order of the splits, by one of two:
//
//     GemmSplit    few splits: the last block of a tile, back into its registers, and what becomes of the sums is what
//                  would without splits, prologue, epilogue and all
//     sum_splits   many splits, which would keep one block for long: a kernel of its own. Parts [splits, m, n] with
//                  rows padded to whole packs
#pragma once

#include "kernels/cuda/gemm_epilogues.h"

namespace vitrine::VITRINE_GPU {

/// An epilogue: the sums of all splits go to another one, whose blocks are those that arrive last (last_block.h).
template <class T, class Next>
struct GemmSplit {
    T* parts;            // [tiles, splits, packs of a thread, threads]
    unsigned* arrivals;  // [tiles]
    Next next;

    template <class Tile>
    __device__ __forceinline__ void operator()(const GemmPlace<T, Tile>& place,
                                               T (&sums)[Tile::thread_rows][Tile::thread_columns],
                                               T* shared) const {
        constexpr int size = Pack<T>::size;
        constexpr int part_values = Tile::rows * Tile::columns;
        const int splits = place.block.splits;
        T* const mine = parts + int64_t{place.block.tile} * splits * part_values + threadIdx.x * size;
        T* const own = mine + int64_t{place.block.split} * part_values;
        VITRINE_UNROLL
        for (int i = 0; i < Tile::thread_rows; ++i) {
            VITRINE_UNROLL
            for (int j = 0; j < Tile::thread_columns; j += size) {
                store_pack(own + (i * Tile::thread_columns + j) * gemm_threads,
                           values_from<Pack<T>>(sums[i], j));
                VITRINE_UNROLL
                for (int s = 0; s < size; ++s) sums[i][j + s] = T(0);
            }
        }
        if (!arrives_last(arrivals + place.block.tile, splits)) return;
        for (int split = 0; split < splits; ++split) {
            const T* const part = mine + int64_t{split} * part_values;
            VITRINE_UNROLL
            for (int i = 0; i < Tile::thread_rows; ++i) {
                VITRINE_UNROLL
                for (int j = 0; j < Tile::thread_columns; j += size) {
                    const Pack<T> more = load_pack(part + (i * Tile::thread_columns + j) * gemm_threads);
                    VITRINE_UNROLL
                    for (int s = 0; s < size; ++s) sums[i][j + s] += more[s];
                }
            }
        }
        next(place, sums, shared);
    }
};

constexpr int64_t most_splits_of_last_block = 8;

/// Whether a tile's last block adds up the splits. Not with single loads: ptxas would spill their many addresses.
template <class A>
bool last_block_adds(const GemmPlan& plan) {
    return A::Value::size > 1 && plan.splits > 1 && plan.splits <= most_splits_of_last_block;
}

/// Scratch memory for the parts of all splits of a product.
template <class T>
T* take_split_parts(const GemmPlan& plan, Context& context) {
    int64_t values = 0;
    with_tile<T>(plan.tiling, [&]<class Tile>() { values = int64_t{Tile::rows} * Tile::columns; });
    return context.scratch.take<T>(plan.row_tiles * plan.column_tiles * plan.splits * values);
}

/// The product as planned, of one split or of as many as last_block_adds says; its sums go to `epilogue`.
template <class A, class B, class Epilogue>
void run_gemm_whole(const GemmPlan& plan, int64_t m, int64_t n, int64_t k, const A& a, const B& b,
                    const Epilogue& epilogue, Context& context) {
    using T = typename A::Element;
    if (plan.splits == 1) return run_gemm(plan, m, n, k, a, b, epilogue);
    if constexpr (A::Value::size > 1) {
        const GemmSplit<T, Epilogue> split{
            take_split_parts<T>(plan, context),
            arrival_counters(Arrivals::splits, plan.row_tiles * plan.column_tiles), epilogue};
        run_gemm(plan, m, n, k, a, b, split);
    }
}

constexpr int split_threads = 256;

/// put(row, column, Σ over splits). The block's threads are `slices` groups side by side in the splits: where
/// C is small and the splits are many, several threads share an element and join their sums as a tree.
/// partials [splits, m, row_length], of which the first n of each row count; count = m · n.
template <class V, class T, class Put>
__global__ void __launch_bounds__(split_threads)
    sum_splits(ReadOnly<T> partials, int splits, int64_t count, int n, int row_length, int slices, Put put) {
    __shared__ T planes[V::size][split_threads];
    const int me = static_cast<int>(threadIdx.x);
    const int lanes = split_threads / slices;
    const int slice = me / lanes;
    const int64_t index = (int64_t{blockIdx.x} * lanes + me % lanes) * V::size;

    const int row = static_cast<int>(index / n);
    const int column = static_cast<int>(index - int64_t{row} * n);

    V total = all_values<V>(T(0));
    if (index < count) {
        const int64_t part_count = count / n * row_length;
        const ReadOnly<T> mine = partials + int64_t{row} * row_length + column;
        for (int64_t split = slice; split < splits; split += slices) {
            const V part = load_values<V>(mine + split * part_count);
            VITRINE_UNROLL
            for (int i = 0; i < V::size; ++i) total[i] += part[i];
        }
    }
    for (int half = slices / 2; half > 0; half /= 2) {
        if (slice >= half && slice < 2 * half) {
            VITRINE_UNROLL
            for (int i = 0; i < V::size; ++i) planes[i][me] = total[i];
        }
        __syncthreads();
        if (slice < half) {
            VITRINE_UNROLL
            for (int i = 0; i < V::size; ++i) total[i] += planes[i][me + half * lanes];
        }
    }
    if (slice == 0 && index < count) put(row, column, total);
}

/// Adds up partials [splits, m, row_length].
template <class T, class Put>
void run_sum_splits(const T* partials, int64_t splits, int64_t m, int64_t n, int64_t row_length, bool packs,
                    const Put& put) {
    constexpr int64_t splits_of_slice = 4;
    constexpr int most_slices = 32;
    int slices = 1;
    while (slices < most_slices && slices * 2 * splits_of_slice <= splits) slices *= 2;
    with_values<T>(packs, [&]<class V>() {
        const dim3 grid = blocks_for(divide_up(m * n, int64_t{V::size}), split_threads / slices);
        launch(sum_splits<V, T, Put>, grid, split_threads, 0, stream(), partials, static_cast<int>(splits),
               m * n, static_cast<int>(n), static_cast<int>(row_length), slices, put);
    });
}

/// C = A · B, each element given to `put`; k is split if that helps. `packs`: C's rows begin at multiples of
/// 16 bytes.
template <class A, class B, class Put>
void run_gemm_to(const GemmPlan& plan, int64_t m, int64_t n, int64_t k, const A& a, const B& b,
                 const Put& put, bool packs, Context& context) {
    using T = typename A::Element;
    if (m * n == 0) return;
    if (plan.splits == 1 || last_block_adds<A>(plan)) {
        run_gemm_whole(plan, m, n, k, a, b, GemmStore<T, Put>{put, packs}, context);
        return;
    }
    // Whole packs, whatever n is: what lies behind a row's end is never read.
    const int64_t row_length = divide_up(n, Pack<T>::size) * Pack<T>::size;
    T* partials = context.scratch.take<T>(plan.splits * m * row_length);
    const PutPartial<T> put_partial{partials, static_cast<int>(row_length), m * row_length};
    run_gemm(plan, m, n, k, a, b, GemmStore<T, PutPartial<T>>{put_partial, true});
    run_sum_splits(partials, plan.splits, m, n, row_length, packs, put);
}

}  // namespace vitrine::VITRINE_GPU
