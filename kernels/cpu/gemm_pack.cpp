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

/// to[k, n] = from[n, k] for a side of four.
HWY_INLINE void transpose_square(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
#if HWY_TARGET == HWY_SCALAR
    for (int n = 0; n < 4; ++n) {
        for (int k = 0; k < 4; ++k) to[k * to_stride + n] = from[n * from_stride + k];
    }
#else
    const hn::Simd<float, 4, 0> d;
    const auto row = [&](int n) HWY_ATTR { return hn::LoadU(d, from + n * from_stride); };
    const auto row0 = row(0), row1 = row(1), row2 = row(2), row3 = row(3);
    // Of two rows side by side: columns 0 and 1, columns 2 and 3.
    const auto upper01 = hn::InterleaveLower(d, row0, row1), upper23 = hn::InterleaveUpper(d, row0, row1);
    const auto lower01 = hn::InterleaveLower(d, row2, row3), lower23 = hn::InterleaveUpper(d, row2, row3);
    hn::StoreU(hn::ConcatLowerLower(d, lower01, upper01), d, to);
    hn::StoreU(hn::ConcatUpperUpper(d, lower01, upper01), d, to + to_stride);
    hn::StoreU(hn::ConcatLowerLower(d, lower23, upper23), d, to + 2 * to_stride);
    hn::StoreU(hn::ConcatUpperUpper(d, lower23, upper23), d, to + 3 * to_stride);
#endif
}

HWY_INLINE void transpose_square(const double* from, int64_t from_stride, double* to, int64_t to_stride) {
    for (int n = 0; n < 4; ++n) {
        for (int k = 0; k < 4; ++k) to[k * to_stride + n] = from[n * from_stride + k];
    }
}

/// Rows [first, end) of `to`: few enough to stay in the nearest cache while all columns are written to them.
template <class T>
HWY_ATTR void transpose_rows(const PanelTransposition<T>& task, int64_t first, int64_t end) {
    int64_t n = 0;
    for (; n + 4 <= task.columns; n += 4) {
        int64_t k = first;
        for (; k + 4 <= end; k += 4) {
            transpose_square(task.from + n * task.depth + k, task.depth, task.to + k * task.stride + n,
                             task.stride);
        }
        for (; k < end; ++k) {
            for (int64_t i = n; i < n + 4; ++i) task.to[k * task.stride + i] = task.from[i * task.depth + k];
        }
    }
    for (int64_t k = first; k < end; ++k) {
        T* row = task.to + k * task.stride;
        for (int64_t i = n; i < task.columns; ++i) row[i] = task.from[i * task.depth + k];
        std::fill(row + task.columns, row + task.width, T(0));
    }
}

template <class T>
HWY_ATTR void transpose_panel(const PanelTransposition<T>& task) {
    constexpr int64_t rows = 64;
    for (int64_t k = 0; k < task.depth; k += rows) transpose_rows(task, k, std::min(task.depth, k + rows));
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
