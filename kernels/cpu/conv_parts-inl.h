// Passes over rows of channels, vectorised: the arithmetic of a convolution's prologue and epilogue.
//
// Included once for every instruction set, by files that follow Highway's foreach_target pattern. Rows are
// `channels` long and `stride` elements apart. Vectors run along the channels; no element outside of a row is touched.
// T is what tensors are stored in; channels' numbers, sums and tiles are of Accumulate<T>.

#include <hwy/highway.h>

#include <cstdint>
#include <type_traits>

#if defined(VITRINE_KERNELS_CPU_CONV_PARTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_CONV_PARTS_INL_H_
#undef VITRINE_KERNELS_CPU_CONV_PARTS_INL_H_
#else
#define VITRINE_KERNELS_CPU_CONV_PARTS_INL_H_
#endif

#include "kernels/activation.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {

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

/// Fetches what lies `bytes` behind rows that follow one another: four rows side by side are no stream to the processor.
template <class T>
HWY_INLINE void fetch_behind(const T* row, int64_t elements, int64_t bytes) {
    const char* from = reinterpret_cast<const char*>(row) + bytes;
    for (int64_t i = 0; i < elements * int64_t{sizeof(T)}; i += 64) hwy::Prefetch(from + i);
}

/// a = activation(scale · x + shift) of rows.
template <class T, class To>
void prologue_rows(RowsOf<const T> x, int64_t rows, int64_t channels, const Accumulate<T>* scale,
                   const Accumulate<T>* shift, Activation activation, RowsOf<To> a) {
    using A = Accumulate<T>;
    for_each_four_rows(rows, [&](int64_t row, auto count) HWY_ATTR {
        // Of 16 bits a tenth is gained; floats, which arrive half as quickly, gain nothing.
        if constexpr (is_half_type<T>) fetch_behind(x.row(row), count * channels, 2048);
        for_each_vector<A>(channels, [&](auto part, int64_t c) HWY_ATTR {
            const auto factor = scale == nullptr ? constant<A>(0) : part.load(scale + c);
            const auto offset = scale == nullptr ? constant<A>(0) : part.load(shift + c);
            for (int k = 0; k < count; ++k) {
                const auto value = part.load(x.row(row + k) + c);
                const auto u = scale == nullptr ? value : hn::MulAdd(factor, value, offset);
                part.store(clamped_vector(activation, u), a.row(row + k) + c);
            }
        });
    });
}

/// What a column sum adds up: y itself, or the square of its distance to a centre.
enum class ColumnTerm { value, squared_distance };

/// Sums of `vectors` vectors of columns, each loaded as `part`. They stay in registers over all rows, as so many
/// independent chains.
template <ColumnTerm term, int vectors, class T, class Part>
HWY_INLINE HWY_ATTR void sum_columns(const Part& part, const T* y, int64_t rows, int64_t stride,
                                     const Accumulate<T>* centre, Accumulate<T>* sums) {
    using A = Accumulate<T>;
    const int64_t lanes = lanes_of<A>();
    Vector<A> middle[vectors], sum[vectors];
    for (int v = 0; v < vectors; ++v) {
        middle[v] = term == ColumnTerm::value ? constant<A>(0) : part.load(centre + v * lanes);
        sum[v] = constant<A>(0);
    }
    for (int64_t row = 0; row < rows; ++row, y += stride) {
        for (int v = 0; v < vectors; ++v) {
            const auto value = part.load(y + v * lanes);
            const auto distance = hn::Sub(value, middle[v]);
            sum[v] =
                term == ColumnTerm::value ? hn::Add(sum[v], value) : hn::MulAdd(distance, distance, sum[v]);
        }
    }
    for (int v = 0; v < vectors; ++v) part.store(sum[v], sums + v * lanes);
}

/// sums[c] = Σ over the rows, in Accumulate<T>: for chunks short enough for that, that lie in the cache. A value needs no centre.
template <ColumnTerm term, class T>
void sum_all_columns(const T* y, int64_t rows, int64_t channels, int64_t stride, const Accumulate<T>* centre,
                     Accumulate<T>* sums) {
    const int64_t group = 4 * lanes_of<Accumulate<T>>();
    int64_t first = 0;
    for (; first + group <= channels; first += group) {
        sum_columns<term, 4>(FullVector<Accumulate<T>>{}, y + first, rows, stride, centre + first,
                             sums + first);
    }
    for_each_vector<Accumulate<T>>(channels - first, [&](auto part, int64_t i) HWY_ATTR {
        const int64_t c = first + i;
        sum_columns<term, 1>(part, y + c, rows, stride, centre + c, sums + c);
    });
}

template <class T>
void column_sums(const T* y, int64_t rows, int64_t channels, int64_t stride, Accumulate<T>* sums) {
    sum_all_columns<ColumnTerm::value>(y, rows, channels, stride, sums, sums);
}

/// The mean of the rows and m2 = Σ (y − mean)²: two passes, meant for rows that lie in the cache.
template <class T>
void column_statistics(const T* y, int64_t rows, int64_t channels, int64_t stride, Accumulate<T>* mean,
                       Accumulate<T>* m2) {
    column_sums(y, rows, channels, stride, mean);
    for (int64_t c = 0; c < channels; ++c) mean[c] /= static_cast<Accumulate<T>>(rows);
    sum_all_columns<ColumnTerm::squared_distance>(y, rows, channels, stride, mean, m2);
}

/// g = d_y + level_c + slope_c · (y − mean_c) of rows of `channels`: the gradient that reaches a convolution through its
/// epilogue, with level = d_mean / M and slope = 2 · d_m2. g may be d_y.
template <class T, class To>
void epilogue_gradient_rows(RowsOf<const T> d_y, RowsOf<const T> y, int64_t rows, const Accumulate<T>* level,
                            const Accumulate<T>* slope, const Accumulate<T>* mean, int64_t channels,
                            RowsOf<To> g) {
    for_each_four_rows(rows, [&](int64_t row, auto count) HWY_ATTR {
        for_each_vector<Accumulate<T>>(channels, [&](auto part, int64_t c) HWY_ATTR {
            const auto offset = part.load(level + c), factor = part.load(slope + c);
            const auto middle = part.load(mean + c);
            for (int k = 0; k < count; ++k) {
                const auto base = hn::Add(part.load(d_y.row(row + k) + c), offset);
                const auto distance = hn::Sub(part.load(y.row(row + k) + c), middle);
                part.store(hn::MulAdd(factor, distance, base), g.row(row + k) + c);
            }
        });
    });
}

/// Where prologue_gradient_rows leaves its results; any may be null.
template <class T, class To = T>
struct PrologueGradient {
    RowsOf<To> d_x;
    bool accumulate = false;              // of d_x; the sums are always added to
    Accumulate<T>* scale_sums = nullptr;  // Σ d_u · x
    Accumulate<T>* shift_sums = nullptr;  // Σ d_u
};

/// From d_a back through activation and scale: d_u = d_a · activation'(u), d_x = scale · d_u. d_x may be d_a.
template <class T, class From, class To = T>
void prologue_gradient_rows(RowsOf<const T> x, RowsOf<const From> d_a, int64_t rows, int64_t channels,
                            const Accumulate<T>* scale, const Accumulate<T>* shift, Activation activation,
                            const PrologueGradient<T, To>& out) {
    using A = Accumulate<T>;
    for_each_four_rows(rows, [&](int64_t row, auto count) HWY_ATTR {
        for_each_vector<A>(channels, [&](auto part, int64_t c) HWY_ATTR {
            const auto load = [&](const A* from)
                                  HWY_ATTR { return from == nullptr ? constant<A>(0) : part.load(from + c); };
            const auto factor = load(scale), offset = load(shift);
            auto scale_sum = load(out.scale_sums), shift_sum = load(out.shift_sums);
            for (int k = 0; k < count; ++k) {
                const auto value = part.load(x.row(row + k) + c);
                const auto u = scale == nullptr ? value : hn::MulAdd(factor, value, offset);
                const auto d_u = clamp_gradient(activation, u, part.load(d_a.row(row + k) + c));
                scale_sum = hn::MulAdd(d_u, value, scale_sum);
                shift_sum = hn::Add(d_u, shift_sum);
                if (out.d_x.data == nullptr) continue;
                To* to = out.d_x.row(row + k) + c;
                const auto d_x = scale == nullptr ? d_u : hn::Mul(factor, d_u);
                part.store(out.accumulate ? hn::Add(d_x, part.load(to)) : d_x, to);
            }
            if (out.scale_sums != nullptr) part.store(scale_sum, out.scale_sums + c);
            if (out.shift_sums != nullptr) part.store(shift_sum, out.shift_sums + c);
        });
    });
}

}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
