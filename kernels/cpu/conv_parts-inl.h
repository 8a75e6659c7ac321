// Passes over rows of channels, vectorised: the arithmetic of a convolution's prologue and epilogue.
//
// Included once for every instruction set, by files that follow Highway's foreach_target pattern. Rows are
// `channels` long and `stride` elements apart. Vectors run along the channels; what is left over at the end
// of a row is taken by ever shorter vectors, so that no element outside of a row is touched.

#include <hwy/highway.h>

#include <cstdint>
#include <type_traits>

#include "kernels/activation.h"

#if defined(VITRINE_KERNELS_CPU_CONV_PARTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_CONV_PARTS_INL_H_
#undef VITRINE_KERNELS_CPU_CONV_PARTS_INL_H_
#else
#define VITRINE_KERNELS_CPU_CONV_PARTS_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Calls body(d, c) for consecutive vectors that cover [c, end): full ones, then halves, down to single
/// elements.
template <class D, class Body>
HWY_INLINE void for_each_vector(D d, int64_t c, int64_t end, const Body& body) {
    constexpr int64_t lanes = hn::MaxLanes(d);
    for (; c + lanes <= end; c += lanes) body(d, c);
    if constexpr (lanes > 1) {
        if (c < end) for_each_vector(hn::Half<D>(), c, end, body);
    }
}

/// clamped() of kernels/activation.h. By comparisons: minimum and maximum instructions lose a NaN on some
/// processors.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V clamped_vector(D d, Activation activation, V u) {
    using T = hn::TFromD<D>;
    if (activation == Activation::identity) return u;
    const V zero = hn::Zero(d);
    const V positive = hn::IfThenElse(hn::Lt(u, zero), zero, u);
    if (activation == Activation::relu) return positive;
    const V six = hn::Set(d, T(6));
    return hn::IfThenElse(hn::Gt(positive, six), six, positive);
}

/// `gradient` where the activation lets it pass at input u, else 0.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V pass_vector(D d, Activation activation, V u, V gradient) {
    using T = hn::TFromD<D>;
    if (activation == Activation::identity) return gradient;
    const V after_lower = hn::IfThenElseZero(hn::Gt(u, hn::Zero(d)), gradient);
    if (activation == Activation::relu) return after_lower;
    return hn::IfThenElseZero(hn::Lt(u, hn::Set(d, T(6))), after_lower);
}

/// u = scale · x + shift at channel c; x itself if there is no scale.
template <class T, class D, class V = hn::Vec<D>>
HWY_INLINE V affine_vector(D d, const T* scale, const T* shift, int64_t c, V x) {
    return scale == nullptr ? x : hn::MulAdd(hn::LoadU(d, scale + c), x, hn::LoadU(d, shift + c));
}

/// Rows, `stride` apart.
template <class T>
struct RowsOf {
    T* data = nullptr;
    int64_t stride = 0;

    T* row(int64_t i) const { return data + i * stride; }
};

/// Calls body(row, constant count) for rows in fours and then one by one, so that what they share is loaded once for the
/// four: for rows that lie in the cache, or nearly so.
template <class Body>
HWY_INLINE void for_each_four_rows(int64_t rows, const Body& body) {
    int64_t row = 0;
    for (; row + 4 <= rows; row += 4) body(row, std::integral_constant<int, 4>{});
    for (; row < rows; ++row) body(row, std::integral_constant<int, 1>{});
}

/// a = activation(scale · x + shift) of rows.
template <class T>
void prologue_rows(RowsOf<const T> x, int64_t rows, int64_t channels, const T* scale, const T* shift,
                   Activation activation, RowsOf<T> a) {
    const hn::ScalableTag<T> full;
    for_each_four_rows(rows, [&](int64_t row, auto count) HWY_ATTR {
        for_each_vector(full, 0, channels, [&](auto d, int64_t c) HWY_ATTR {
            using V = hn::Vec<decltype(d)>;
            const V factor = scale == nullptr ? hn::Zero(d) : hn::LoadU(d, scale + c);
            const V offset = scale == nullptr ? hn::Zero(d) : hn::LoadU(d, shift + c);
            for (int k = 0; k < count; ++k) {
                const V value = hn::LoadU(d, x.row(row + k) + c);
                const V u = scale == nullptr ? value : hn::MulAdd(factor, value, offset);
                hn::StoreU(clamped_vector(d, activation, u), d, a.row(row + k) + c);
            }
        });
    });
}

/// What a column sum adds up: y itself, or the square of its distance to a centre.
enum class ColumnTerm { value, squared_distance };

/// Sums of `vectors` vectors of columns. They stay in registers over all rows, as so many independent chains.
template <ColumnTerm term, int vectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void sum_columns(D d, const T* y, int64_t rows, int64_t stride, const T* centre, T* sums) {
    constexpr int64_t lanes = hn::MaxLanes(d);
    hn::Vec<D> middle[vectors], sum[vectors];
    for (int v = 0; v < vectors; ++v) {
        middle[v] = term == ColumnTerm::value ? hn::Zero(d) : hn::LoadU(d, centre + v * lanes);
        sum[v] = hn::Zero(d);
    }
    for (int64_t row = 0; row < rows; ++row, y += stride) {
        for (int v = 0; v < vectors; ++v) {
            const auto value = hn::LoadU(d, y + v * lanes);
            const auto distance = hn::Sub(value, middle[v]);
            sum[v] =
                term == ColumnTerm::value ? hn::Add(sum[v], value) : hn::MulAdd(distance, distance, sum[v]);
        }
    }
    for (int v = 0; v < vectors; ++v) hn::StoreU(sum[v], d, sums + v * lanes);
}

/// sums[c] = Σ over the rows, in T: for chunks short enough for that, that lie in the cache.
template <ColumnTerm term, class T>
void sum_all_columns(const T* y, int64_t rows, int64_t channels, int64_t stride, const T* centre, T* sums) {
    const hn::ScalableTag<T> full;
    constexpr int64_t group = 4 * hn::MaxLanes(full);
    int64_t first = 0;
    for (; first + group <= channels; first += group) {
        sum_columns<term, 4>(full, y + first, rows, stride, centre + first, sums + first);
    }
    for_each_vector(full, first, channels, [&](auto d, int64_t c) HWY_ATTR {
        sum_columns<term, 1>(d, y + c, rows, stride, centre + c, sums + c);
    });
}

template <class T>
void column_sums(const T* y, int64_t rows, int64_t channels, int64_t stride, T* sums) {
    sum_all_columns<ColumnTerm::value>(y, rows, channels, stride, y, sums);
}

/// The mean of the rows and m2 = Σ (y − mean)²: two passes, meant for rows that lie in the cache.
template <class T>
void column_statistics(const T* y, int64_t rows, int64_t channels, int64_t stride, T* mean, T* m2) {
    column_sums(y, rows, channels, stride, mean);
    for (int64_t c = 0; c < channels; ++c) mean[c] /= static_cast<T>(rows);
    sum_all_columns<ColumnTerm::squared_distance>(y, rows, channels, stride, mean, m2);
}

/// g = d_y + level_c + slope_c · (y − mean_c) of rows of `channels`, one after the other: the gradient that reaches a
/// convolution through its epilogue, with level = d_mean / M and slope = 2 · d_m2. g may be d_y.
template <class T>
void epilogue_gradient_rows(const T* d_y, const T* y, int64_t rows, const T* level, const T* slope,
                            const T* mean, int64_t channels, T* g) {
    const hn::ScalableTag<T> full;
    for_each_four_rows(rows, [&](int64_t row, auto count) HWY_ATTR {
        const int64_t first = row * channels;
        for_each_vector(full, 0, channels, [&](auto d, int64_t c) HWY_ATTR {
            const auto offset = hn::LoadU(d, level + c), factor = hn::LoadU(d, slope + c);
            const auto middle = hn::LoadU(d, mean + c);
            for (int k = 0; k < count; ++k) {
                const int64_t i = first + k * channels + c;
                const auto base = hn::Add(hn::LoadU(d, d_y + i), offset);
                hn::StoreU(hn::MulAdd(factor, hn::Sub(hn::LoadU(d, y + i), middle), base), d, g + i);
            }
        });
    });
}

/// Where prologue_gradient_rows leaves its results; any may be null.
template <class T>
struct PrologueGradient {
    RowsOf<T> d_x;
    bool accumulate = false;  // of d_x; the sums are always added to
    T* scale_sums = nullptr;  // Σ d_u · x
    T* shift_sums = nullptr;  // Σ d_u
};

/// From d_a back through activation and scale: d_u = d_a · activation'(u), d_x = scale · d_u. d_x may be d_a.
template <class T>
void prologue_gradient_rows(RowsOf<const T> x, RowsOf<const T> d_a, int64_t rows, int64_t channels,
                            const T* scale, const T* shift, Activation activation,
                            const PrologueGradient<T>& out) {
    const hn::ScalableTag<T> full;
    for_each_four_rows(rows, [&](int64_t row, auto count) HWY_ATTR {
        for_each_vector(full, 0, channels, [&](auto d, int64_t c) HWY_ATTR {
            using V = hn::Vec<decltype(d)>;
            const auto load = [&](const T* from)
                                  HWY_ATTR { return from == nullptr ? hn::Zero(d) : hn::LoadU(d, from + c); };
            const V factor = load(scale), offset = load(shift);
            V scale_sum = load(out.scale_sums), shift_sum = load(out.shift_sums);
            for (int k = 0; k < count; ++k) {
                const V value = hn::LoadU(d, x.row(row + k) + c);
                const V u = scale == nullptr ? value : hn::MulAdd(factor, value, offset);
                const V d_u = pass_vector(d, activation, u, hn::LoadU(d, d_a.row(row + k) + c));
                scale_sum = hn::MulAdd(d_u, value, scale_sum);
                shift_sum = hn::Add(d_u, shift_sum);
                if (out.d_x.data == nullptr) continue;
                T* to = out.d_x.row(row + k) + c;
                const V d_x = scale == nullptr ? d_u : hn::Mul(factor, d_u);
                hn::StoreU(out.accumulate ? hn::Add(d_x, hn::LoadU(d, to)) : d_x, d, to);
            }
            if (out.scale_sums != nullptr) hn::StoreU(scale_sum, d, out.scale_sums + c);
            if (out.shift_sums != nullptr) hn::StoreU(shift_sum, d, out.shift_sums + c);
        });
    });
}

}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
