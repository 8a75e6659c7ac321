// Sums down the columns of [rows, channels], vectorised along the channels: what batch norm, global average pooling and
// the way back of resolve are made of.
//
// Short rows are taken four at a time, so that the sums, which lie in the nearest cache, are touched once for
// the four. Long rows are taken one by one: four streams side by side escape the processor's prefetching,
// which costs half of the bandwidth.

#if defined(VITRINE_KERNELS_CPU_CHANNEL_REDUCE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_CHANNEL_REDUCE_INL_H
#undef VITRINE_KERNELS_CPU_CHANNEL_REDUCE_INL_H
#else
#define VITRINE_KERNELS_CPU_CHANNEL_REDUCE_INL_H
#endif

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/channel_sums.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// Calls group(row, constant count of rows) until all rows are taken.
template <class T, class Group>
HWY_INLINE HWY_ATTR void for_each_row_group(int64_t rows, int64_t channels, Group&& group) {
    int64_t row = 0;
    if (channels * int64_t{sizeof(T)} <= 256) {
        for (; row + 4 <= rows; row += 4) group(row, std::integral_constant<int, 4>{});
    }
    for (; row < rows; ++row) group(row, std::integral_constant<int, 1>{});
}

/// sums[c] += Σ x[row, c].
template <class T>
HWY_ATTR void add_columns(const T* x, int64_t rows, int64_t channels, Accumulate<T>* sums) {
    for_each_row_group<T>(rows, channels, [=](int64_t row, auto group) HWY_ATTR {
        const T* first = x + row * channels;
        for_each_vector<Accumulate<T>>(channels, [=](auto part, int64_t c) HWY_ATTR {
            auto sum = part.load(first + c);
            for (int64_t k = 1; k < group.value; ++k) sum = hn::Add(sum, part.load(first + k * channels + c));
            part.store(hn::Add(part.load(sums + c), sum), sums + c);
        });
    });
}

/// sums[c] += Σ (x[row, c] − centre[c]),  squares[c] += Σ (x[row, c] − centre[c])².
template <class T>
HWY_ATTR void add_centred_columns(const T* x, int64_t rows, int64_t channels, const Accumulate<T>* centre,
                                  Accumulate<T>* sums, Accumulate<T>* squares) {
    for_each_row_group<T>(rows, channels, [=](int64_t row, auto group) HWY_ATTR {
        const T* first = x + row * channels;
        for_each_vector<Accumulate<T>>(channels, [=](auto part, int64_t c) HWY_ATTR {
            const auto middle = part.load(centre + c);
            auto sum = part.load(sums + c), square = part.load(squares + c);
            for (int64_t k = 0; k < group.value; ++k) {
                const auto centred = hn::Sub(part.load(first + k * channels + c), middle);
                sum = hn::Add(sum, centred);
                square = hn::MulAdd(centred, centred, square);
            }
            part.store(sum, sums + c);
            part.store(square, squares + c);
        });
    });
}

/// Adds the rows to statistics[c] of those that are there, reading them twice: meant for rows that lie in the cache. `work` has
/// room for three elements a channel. The second pass also corrects the rounding of the first one's mean.
template <class T>
HWY_ATTR void add_statistics(const T* x, int64_t rows, int64_t channels, Accumulate<T>* work, int64_t there,
                             Statistics* statistics) {
    using A = Accumulate<T>;
    A *mean = work, *sums = work + channels, *squares = work + 2 * channels;
    std::fill(work, work + 3 * channels, A(0));
    add_columns(x, rows, channels, mean);
    for (int64_t c = 0; c < channels; ++c) mean[c] /= static_cast<A>(rows);
    add_centred_columns(x, rows, channels, mean, sums, squares);
    const Joining joining(there, rows);
    const double count = static_cast<double>(rows);
    for (int64_t c = 0; c < channels; ++c) {
        const double correction = static_cast<double>(sums[c]) / count;
        joining.add(static_cast<double>(mean[c]) + correction,
                    static_cast<double>(squares[c]) - count * correction * correction, statistics[c]);
    }
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
