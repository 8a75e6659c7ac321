// Two products in one launch, for products that are too small to fill a GPU each: their blocks run side by side, and
// what both of them read comes from memory once and is in the cache the other time.
//
//     blocks    0 … tiles · splits of the first │ tiles · splits of the second
//
// The tiles are the smallest. Where k is split, the last block of a tile adds up the parts (gemm_split.h).
#pragma once

#include "kernels/cuda/gemm_split.h"

namespace vitrine::VITRINE_GPU {

using SmallestTile = GemmTile<4, 4>;  // tile_64x32, and the only one of doubles

template <class A, class B, class Epilogue>
struct GemmProduct {
    using Element = typename A::Element;
    using Left = A;
    using Right = B;

    GemmShape shape;
    A a;
    B b;
    Epilogue epilogue;
    int tiles;
    int splits;

    __host__ __device__ __forceinline__ int blocks() const { return tiles * splits; }

    template <class Tile>
    __device__ __forceinline__ void run(int block, Element* shared) const {
        const int split = block / tiles;
        multiply_tile<Tile>(shape, {block - split * tiles, split, splits}, a, b, epilogue, shared);
    }
};

template <class Tile, class First, class Second>
__global__ void __launch_bounds__(gemm_threads, (gemm_blocks_at_once<typename First::Element, Tile>))
    gemm_pair(First first, Second second) {
    constexpr int of_first = gemm_shared_count<Tile, typename First::Left, typename First::Right>;
    constexpr int of_second = gemm_shared_count<Tile, typename Second::Left, typename Second::Right>;
    auto& memory = gemm_memory<typename First::Element, (of_first > of_second ? of_first : of_second)>();
    const int block = static_cast<int>(blockIdx.x);
    if (block < first.blocks()) {
        first.template run<Tile>(block, memory.values);
    } else {
        second.template run<Tile>(block - first.blocks(), memory.values);
    }
}

/// A product of a pair before it is launched.
template <class A, class B, class Epilogue>
struct PlannedProduct {
    GemmPlan plan;
    int64_t m;
    int64_t n;
    int64_t k;
    const A& a;
    const B& b;
    const Epilogue& epilogue;

    int64_t tiles() const { return plan.row_tiles * plan.column_tiles; }
};

/// Calls f with the product that a kernel takes: with the epilogue as it is, or behind the sums of the splits.
template <class A, class B, class Epilogue, class F>
void with_product(const PlannedProduct<A, B, Epilogue>& p, unsigned* arrivals, Context& context, F&& f) {
    using T = typename A::Element;
    const GemmShape shape = gemm_shape(p.plan, p.m, p.n, p.k);
    const int tiles = static_cast<int>(p.tiles()), splits = static_cast<int>(p.plan.splits);
    if (splits == 1) return f(GemmProduct<A, B, Epilogue>{shape, p.a, p.b, p.epilogue, tiles, splits});
    const GemmSplit<T, Epilogue> split{take_split_parts<T>(p.plan, context), arrivals, p.epilogue};
    f(GemmProduct<A, B, GemmSplit<T, Epilogue>>{shape, p.a, p.b, split, tiles, splits});
}

/// The plan of a product of a pair: in the smallest tiles, with no more splits than bytes afford, as no block waits alone.
GemmPlan plan_of_pair(DType dtype, int64_t m, int64_t n, int64_t k);

/// Both products, planned by plan_of_pair.
template <class First, class Second>
void run_gemm_pair(const First& first, const Second& second, Context& context) {
    unsigned* const arrivals = arrival_counters(Arrivals::splits, first.tiles() + second.tiles());
    with_product(first, arrivals, context, [&]<class One>(const One& one) {
        with_product(second, arrivals + first.tiles(), context, [&]<class Two>(const Two& two) {
            launch(gemm_pair<SmallestTile, One, Two>, blocks_for(int64_t{one.blocks()} + two.blocks(), 1),
                   gemm_threads, 0, stream(), one, two);
        });
    });
}

}  // namespace vitrine::VITRINE_GPU
