// The right matrix of a product into panels.

#include "kernels/cpu/gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm_pack.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef VITRINE_KERNELS_CPU_GEMM_PACK_TASKS
#define VITRINE_KERNELS_CPU_GEMM_PACK_TASKS
namespace vitrine::cpu {

/// to[k, n] = from[n, k] for `columns` n and `depth` k; rows of `to` are `width` long, the rest of them zero, and `stride` apart.
template <class T>
struct PanelTransposition {
    const T* from;
    int64_t depth;
    int64_t columns;
    T* to;
    int64_t width;
    int64_t stride;
};

}  // namespace vitrine::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class D, class T>
HWY_INLINE void transpose_square(D, const T* from, int64_t, T* to, int64_t) {
    *to = *from;
}

#if HWY_TARGET != HWY_SCALAR
/// columns[4 · g + k] = of each block b of four lanes, the rows 4 · g … 4 · g + 3 of column 4 · b + k.
template <class D>
HWY_INLINE void load_in_blocks(D d, const float* from, int64_t stride, hn::Vec<D>* columns) {
    const hn::RepartitionToWide<D> pairs;
    for (int64_t n = 0; n < static_cast<int64_t>(hn::MaxLanes(d)); n += 4, from += 4 * stride) {
        const auto row0 = hn::LoadU(d, from), row1 = hn::LoadU(d, from + stride);
        const auto row2 = hn::LoadU(d, from + 2 * stride), row3 = hn::LoadU(d, from + 3 * stride);
        // Of two rows side by side: columns 0 and 1, columns 2 and 3.
        const auto lower01 = hn::BitCast(pairs, hn::InterleaveLower(d, row0, row1));
        const auto upper01 = hn::BitCast(pairs, hn::InterleaveUpper(d, row0, row1));
        const auto lower23 = hn::BitCast(pairs, hn::InterleaveLower(d, row2, row3));
        const auto upper23 = hn::BitCast(pairs, hn::InterleaveUpper(d, row2, row3));
        columns[n] = hn::BitCast(d, hn::InterleaveLower(pairs, lower01, lower23));
        columns[n + 1] = hn::BitCast(d, hn::InterleaveUpper(pairs, lower01, lower23));
        columns[n + 2] = hn::BitCast(d, hn::InterleaveLower(pairs, upper01, upper23));
        columns[n + 3] = hn::BitCast(d, hn::InterleaveUpper(pairs, upper01, upper23));
    }
}

/// Row k, and the rows four after each other from it on, out of the blocks of the columns k, 4 + k, ….
template <class V>
HWY_INLINE void store_blocks(hn::Simd<float, 4, 0> d, const V* columns, float* to, int64_t) {
    hn::StoreU(columns[0], d, to);
}
#if HWY_TARGET <= HWY_AVX2
template <class V>
HWY_INLINE void store_blocks(hn::Simd<float, 8, 0> d, const V* columns, float* to, int64_t to_stride) {
    hn::StoreU(hn::ConcatLowerLower(d, columns[4], columns[0]), d, to);
    hn::StoreU(hn::ConcatUpperUpper(d, columns[4], columns[0]), d, to + 4 * to_stride);
}
#endif
#if HWY_TARGET <= HWY_AVX3
template <class V>
HWY_INLINE void store_blocks(hn::Simd<float, 16, 0> d, const V* columns, float* to, int64_t to_stride) {
    const auto put = [=](V even, V odd, float* place) HWY_ATTR {
        hn::StoreU(hn::OddEvenBlocks(hn::SwapAdjacentBlocks(odd), even), d, place);
        hn::StoreU(hn::OddEvenBlocks(odd, hn::SwapAdjacentBlocks(even)), d, place + 4 * to_stride);
    };
    put(hn::ConcatLowerLower(d, columns[8], columns[0]), hn::ConcatLowerLower(d, columns[12], columns[4]),
        to);
    put(hn::ConcatUpperUpper(d, columns[8], columns[0]), hn::ConcatUpperUpper(d, columns[12], columns[4]),
        to + 8 * to_stride);
}
#endif

/// to[k, n] = from[n, k] for a side of as many as a vector has lanes.
template <size_t lanes>
requires(lanes >= 4) HWY_INLINE void transpose_square(hn::Simd<float, lanes, 0> d, const float* from,
                                                      int64_t from_stride, float* to, int64_t to_stride) {
    hn::Vec<decltype(d)> columns[lanes];
    load_in_blocks(d, from, from_stride, columns);
    for (int64_t k = 0; k < 4; ++k) store_blocks(d, columns + k, to + k * to_stride, to_stride);
}
#endif

template <class T>
constexpr int64_t largest_side = sizeof(T) == 4 ? hn::MaxLanes(hn::ScalableTag<T>()) : 1;

/// Columns and rows of `from` for rows and columns of `to`, by squares of a side, and by smaller ones what is left at the edges.
template <int64_t side, class T>
HWY_ATTR void transpose_part(const PanelTransposition<T>& task, Range columns, Range rows) {
    const hn::Simd<T, static_cast<size_t>(side), 0> d;
    const int64_t columns_end = columns.begin + columns.count() / side * side;
    const int64_t rows_end = rows.begin + rows.count() / side * side;
    for (int64_t n = columns.begin; n < columns_end; n += side) {
        for (int64_t k = rows.begin; k < rows_end; k += side)
            transpose_square(d, task.from + n * task.depth + k, task.depth, task.to + k * task.stride + n,
                             task.stride);
    }
    if constexpr (side > 1) {
        constexpr int64_t smaller = side > 4 ? 4 : 1;
        transpose_part<smaller>(task, {columns.begin, columns_end}, {rows_end, rows.end});
        transpose_part<smaller>(task, {columns_end, columns.end}, rows);
    }
}

/// Rows of `to`: few enough to stay in the nearest cache while all columns are written to them.
template <class T>
HWY_ATTR void transpose_rows(const PanelTransposition<T>& task, Range rows) {
    transpose_part<largest_side<T>>(task, {0, task.columns}, rows);
    for (int64_t k = rows.begin; k < rows.end; ++k)
        std::fill(task.to + k * task.stride + task.columns, task.to + k * task.stride + task.width, T(0));
}

template <class T>
HWY_ATTR void transpose_panel(const PanelTransposition<T>& task) {
    const Chunks rows{task.depth, 64};
    for (int64_t chunk = 0; chunk < rows.count(); ++chunk) transpose_rows(task, rows.range(chunk));
}

void transpose_panel_f32(const PanelTransposition<float>& task) { transpose_panel(task); }
void transpose_panel_f64(const PanelTransposition<double>& task) { transpose_panel(task); }

}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(transpose_panel_f32);
HWY_EXPORT(transpose_panel_f64);

void transpose_panel(const PanelTransposition<float>& task) {
    HWY_DYNAMIC_DISPATCH(transpose_panel_f32)(task);
}
void transpose_panel(const PanelTransposition<double>& task) {
    HWY_DYNAMIC_DISPATCH(transpose_panel_f64)(task);
}

/// The weight in the type that products are computed in.
template <class T>
const Accumulate<T>* widened(const T* weight, int64_t count, Context& context) {
    if constexpr (!is_half_type<T>) {
        return weight;
    } else {
        auto* wide = context.scratch.take<Accumulate<T>>(count);
        std::transform(weight, weight + count, wide,
                       [](T value) { return static_cast<Accumulate<T>>(value); });
        return wide;
    }
}

}  // namespace

template <class T>
RightMatrix<Accumulate<T>> pack_transposed(const T* weight, int64_t depth, int64_t columns,
                                           const Accumulate<T>* bias, Context& context) {
    using A = Accumulate<T>;
    const PanelLayout layout = panel_layout(dtype_of<A>, columns);
    const A* wide = widened(weight, depth * columns, context);
    A* panels = context.scratch.take<A>(depth * layout.padded());
    parallel_for(layout.count(), [&](int64_t panel) {
        const int64_t first = layout.first_column(panel), width = layout.width(panel);
        transpose_panel(PanelTransposition<A>{wide + first * depth, depth, std::min(width, columns - first),
                                              panels + depth * first, width, width});
    });
    A* padded_bias = nullptr;
    if (bias != nullptr) {
        padded_bias = context.scratch.take<A>(layout.padded());
        std::fill(std::copy(bias, bias + columns, padded_bias), padded_bias + layout.padded(), A(0));
    }
    return {layout, depth, panels, padded_bias};
}

template <class T>
void put_transposed(const T* from, int64_t rows, int64_t columns, T* to) {
    const Chunks shares{rows, 64};
    parallel_for(shares.count(), [&](int64_t share) {
        const int64_t first = shares.begin(share), count = shares.end(share) - first;
        transpose_panel(
            PanelTransposition<T>{from + first * columns, columns, count, to + first, count, rows});
    });
}

template void put_transposed(const float*, int64_t, int64_t, float*);
template void put_transposed(const double*, int64_t, int64_t, double*);
template RightMatrix<float> pack_transposed(const float*, int64_t, int64_t, const float*, Context&);
template RightMatrix<double> pack_transposed(const double*, int64_t, int64_t, const double*, Context&);
template RightMatrix<float> pack_transposed(const bf16*, int64_t, int64_t, const float*, Context&);
template RightMatrix<float> pack_transposed(const f16*, int64_t, int64_t, const float*, Context&);

}  // namespace vitrine::cpu
#endif
