// The innermost loops of the matrix products: a tile of results in registers. Once for every instruction set.

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <cstdint>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/vector_pace.h"

#if defined(VITRINE_KERNELS_CPU_GEMM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_GEMM_INL_H_
#undef VITRINE_KERNELS_CPU_GEMM_INL_H_
#else
#define VITRINE_KERNELS_CPU_GEMM_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Memory that will be needed soon, asked for a little at every step of a tile: rows that are read from main
/// memory a few columns at a time defeat the processor's own prefetching.
struct Prefetch {
    const char* at;
    int64_t step;  // bytes; 0 asks for nothing new

    /// So many elements a step from `first` on.
    template <class T>
    Prefetch(const T* first, int64_t elements)
        : at(reinterpret_cast<const char*>(first)), step(elements * int64_t{sizeof(T)}) {}

    void advance(int64_t steps) { at += steps * step; }
};

/// One step of a register tile: C[r, v] (+)= init_v + Σ_lk a[r · a_row + l · a_line + k · a_step] · b[(l · depth + k) · b_step
/// + v]. Of a left matrix whose rows are whole there is one line.
template <class T>
struct RegisterTile {
    int64_t depth;
    const T* a;
    int64_t a_row;
    int64_t a_step;
    const T* b;
    int64_t b_step;
    const T* init;  // null: zero
    T* c;
    int64_t c_row;
    Store store;
    Prefetch soon[2];
    int64_t lines = 1;
    int64_t a_line = 0;
    bool fetch_c = false;  // where C lies in memory: a store waits for its line
    int64_t last = 0;      // elements of C's last vector; 0: all. With whole rows, and not with Store::stream
};

/// Left matrices are read along their rows (a_step = 1) or, in the outer product, along their columns (a_row
/// = 1); knowing it here saves the address arithmetic.
enum class LeftOrder { rows, columns };

/// Three vectors wide and this many rows high, a tile fills the registers without spilling.
#if HWY_TARGET <= HWY_AVX3
constexpr int tile_rows = 8;
#else
constexpr int tile_rows = 4;
#endif

/// Where the last vector is wider than C. Tiles that end so are compiled apart: what a mask needs would cost the others 1–2%.
template <int rows, int vectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void store_partly(D d, const RegisterTile<T>& tile, const hn::Vec<D> (&sum)[rows][vectors]) {
    constexpr int64_t lanes = hn::MaxLanes(d);
    const auto last = hn::FirstN(d, static_cast<size_t>(tile.last));
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
        T* c = tile.c + r * tile.c_row;
        for (int v = 0; v + 1 < vectors; ++v) {
            const auto value = sum[r][v];
            hn::StoreU(tile.store == Store::add ? hn::Add(value, hn::LoadU(d, c + v * lanes)) : value, d,
                       c + v * lanes);
        }
        T* to = c + (vectors - 1) * lanes;
        const auto value = sum[r][vectors - 1];
        hn::BlendedStore(tile.store == Store::add ? hn::Add(value, hn::MaskedLoad(last, d, to)) : value, last,
                         d, to);
    }
}

template <LeftOrder order, int rows, int vectors, bool partly, class D, class T = hn::TFromD<D>>
HWY_INLINE void multiply_tile(D d, const RegisterTile<T>& tile) {
    constexpr int64_t lanes = hn::MaxLanes(d);
    using V = hn::Vec<D>;
    V sum[rows][vectors];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 3
        for (int v = 0; v < vectors; ++v) {
            sum[r][v] = tile.init == nullptr ? hn::Zero(d) : hn::LoadU(d, tile.init + v * lanes);
        }
    }
    for (int r = 0; tile.fetch_c && r < rows; ++r) {
        for (int v = 0; v < vectors; ++v) hwy::Prefetch(tile.c + r * tile.c_row + v * lanes);
    }
    const int64_t a_row = order == LeftOrder::columns ? 1 : tile.a_row;
    const int64_t a_step = order == LeftOrder::rows ? 1 : tile.a_step;
    const T* HWY_RESTRICT b = tile.b;
    for (int64_t line = 0; line < tile.lines; ++line) {
        const T* HWY_RESTRICT a = tile.a + line * tile.a_line;
        for (int64_t k = 0; k < tile.depth; ++k, a += a_step, b += tile.b_step) {
            hwy::Prefetch(tile.soon[0].at + k * tile.soon[0].step);
            if (order == LeftOrder::columns) hwy::Prefetch(tile.soon[1].at + k * tile.soon[1].step);
            V right[vectors];
#pragma GCC unroll 3
            for (int v = 0; v < vectors; ++v) right[v] = hn::LoadU(d, b + v * lanes);
#pragma GCC unroll 8
            for (int r = 0; r < rows; ++r) {
                const V left = hn::Set(d, a[r * a_row]);
#pragma GCC unroll 3
                for (int v = 0; v < vectors; ++v) sum[r][v] = hn::MulAdd(left, right[v], sum[r][v]);
            }
        }
    }
    if constexpr (partly) return store_partly(d, tile, sum);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
        T* c = tile.c + r * tile.c_row;
#pragma GCC unroll 3
        for (int v = 0; v < vectors; ++v) {
            if (tile.store == Store::stream) {
                hn::Stream(sum[r][v], d, c + v * lanes);
                continue;
            }
            if (tile.store == Store::add) sum[r][v] = hn::Add(sum[r][v], hn::LoadU(d, c + v * lanes));
            hn::StoreU(sum[r][v], d, c + v * lanes);
        }
    }
}

/// Tiles of `rows` rows while there are that many left, then of half as many.
template <LeftOrder order, int rows, int vectors, bool partly = false, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void multiply_panel(D d, RegisterTile<T> tile, int64_t rows_left) {
    for (; rows_left >= rows; rows_left -= rows) {
        multiply_tile<order, rows, vectors, partly>(d, tile);
        tile.a += rows * (order == LeftOrder::columns ? 1 : tile.a_row);
        tile.c += rows * tile.c_row;
        for (Prefetch& soon : tile.soon) soon.advance(tile.depth);
    }
    if constexpr (rows > 1) {
        if (rows_left > 0) multiply_panel<order, rows / 2, vectors, partly>(d, tile, rows_left);
    }
}

template <LeftOrder order, bool partly = false, class D, class T = hn::TFromD<D>>
void multiply_panel_of(D d, int64_t vectors, const RegisterTile<T>& tile, int64_t rows) {
    if constexpr (order == LeftOrder::rows && !partly) {
        if (tile.last != 0) return multiply_panel_of<order, true>(d, vectors, tile, rows);
    }
    if (vectors == 3) return multiply_panel<order, tile_rows, 3, partly>(d, tile, rows);
    if (vectors == 2) return multiply_panel<order, tile_rows, 2, partly>(d, tile, rows);
    multiply_panel<order, tile_rows, 1, partly>(d, tile, rows);
}

/// Calls body with the vector type of a layout: the full width, or half of it.
template <class T, class Body>
HWY_INLINE void with_vectors_of(const PanelLayout& layout, const Body& body) {
    const hn::ScalableTag<T> full;
    constexpr int64_t lanes = hn::MaxLanes(full);
    if constexpr (lanes >= 8) {
        if (layout.lanes < lanes) return body(hn::Half<decltype(full)>());
    }
    body(full);
}

/// Half vectors where they fit a narrow matrix better: 8 columns are half of sixteen. Three halves for 24 columns are better than
/// two wholes only where a whole takes as long as two halves; else they take three turns instead of two.
template <class T>
int64_t lanes_for(int64_t columns) {
    constexpr int64_t lanes = hn::MaxLanes(hn::ScalableTag<T>());
    constexpr int64_t half = lanes / 2;
    if (lanes < 8 || columns > PanelLayout::widest * half) return lanes;
    const int64_t wholes = (columns + lanes - 1) / lanes, halves = (columns + half - 1) / half;
    const bool fewer_turns = whole_vectors_keep_pace() && wholes < halves;
    return halves < 2 * wholes && !fewer_turns ? half : lanes;
}

}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
