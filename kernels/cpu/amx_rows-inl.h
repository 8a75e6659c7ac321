// Passes over rows that end in what tile registers multiply (amx.h): floats in two terms, rows in pairs, and panels of results.
// For vectors of 16 floats alone, which is what a processor with tile registers has; elsewhere they are compiled and never run.

#include <hwy/highway.h>

#include <cstdint>

#include "kernels/cpu/amx.h"
#include "kernels/cpu/conv_parts-inl.h"

#if defined(VITRINE_KERNELS_CPU_AMX_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_AMX_ROWS_INL_H_
#undef VITRINE_KERNELS_CPU_AMX_ROWS_INL_H_
#else
#define VITRINE_KERNELS_CPU_AMX_ROWS_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

using Words = hn::ScalableTag<uint32_t>;

/// A float's upper half, which is a bf16 nearer to zero, and what that leaves, which is rounded to one as its own upper half is
/// taken: their sum is the float to 2^-16 of it. Two roundings to the nearest would be as many instructions as all the rest.
struct Terms {
    hn::Vec<Words> high, low;

    HWY_INLINE HWY_ATTR explicit Terms(Vector<float> value) {
        const Words words;
        const hn::ScalableTag<float> floats;
        high = hn::BitCast(words, value);
        const auto top = hn::BitCast(floats, hn::And(high, hn::Set(words, 0xFFFF0000u)));
        low = hn::Add(hn::BitCast(words, hn::Sub(value, top)), hn::Set(words, 0x8000u));
    }
};

template <class Part>
HWY_INLINE HWY_ATTR void store_upper_halves(const Part& part, hn::Vec<Words> words, bf16* to) {
    part.store(hn::BitCast(hn::ScalableTag<float>(), hn::And(words, hn::Set(Words(), 0xFFFF0000u))), to);
}

/// Of two vectors, as one of 16-bit numbers.
HWY_INLINE HWY_ATTR void store_upper_halves(hn::Vec<Words> first, hn::Vec<Words> second, bf16* to) {
#if HWY_TARGET == HWY_SCALAR
    store_upper_halves(FullVector<float>{}, first, to);
    store_upper_halves(FullVector<float>{}, second, to + 1);
#else
    const hn::ScalableTag<uint16_t> halves;
    hn::StoreU(hn::ConcatOdd(halves, hn::BitCast(halves, second), hn::BitCast(halves, first)), halves,
               &to->bits);
#endif
}

/// value(part, c), the floats of a row from element c on, in two terms.
template <class Value>
HWY_INLINE HWY_ATTR void split_row(int64_t count, const Value& value, bf16* high, bf16* low) {
    const int64_t lanes = lanes_of<float>();
    int64_t c = 0;
    for (; c + 2 * lanes <= count; c += 2 * lanes) {
        const FullVector<float> part;
        const Terms first(value(part, c)), second(value(part, c + lanes));
        store_upper_halves(first.high, second.high, high + c);
        store_upper_halves(first.low, second.low, low + c);
    }
    for_each_vector<float>(count - c, [&](auto part, int64_t i) HWY_ATTR {
        const Terms terms(value(part, c + i));
        store_upper_halves(part, terms.high, high + c + i);
        store_upper_halves(part, terms.low, low + c + i);
    });
}

/// A row of floats in two terms.
HWY_INLINE HWY_ATTR void split_row(const float* from, int64_t count, bf16* high, bf16* low) {
    split_row(
        count, [&](auto part, int64_t c) HWY_ATTR { return part.load(from + c); }, high, low);
}

/// Sums over the rows of a panel of results, of one vector of columns: four chains, so that no addition waits for the one
/// before it. `term` makes of a value what is added to a sum.
template <class Term>
HWY_INLINE HWY_ATTR Vector<float> sum_of_rows(int64_t rows, const Term& term) {
    Vector<float> sums[4];
    for (auto& sum : sums) sum = constant<float>(0);
    int64_t row = 0;
    for (; row + 4 <= rows; row += 4) {
        for (int k = 0; k < 4; ++k) sums[k] = term(row + k, sums[k]);
    }
    for (; row < rows; ++row) sums[0] = term(row, sums[0]);
    return hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]));
}

/// A panel of results, rounded into rows `stride` apart, and its statistics where they are wanted: as column_statistics, while
/// the panel is read but twice.
HWY_INLINE HWY_ATTR void put_panel(const float* panel, int64_t rows, int64_t width, float* means, float* m2s,
                                   bf16* to, int64_t stride) {
    for_each_vector<float>(width, [&](auto part, int64_t c) HWY_ATTR {
        const auto at = [&](int64_t row) HWY_ATTR { return part.load(panel + row * amx::panel_columns + c); };
        const auto put = [&](int64_t row, Vector<float> value)
                             HWY_ATTR { part.store(value, to + row * stride + c); };
        if (means == nullptr) {
            for (int64_t row = 0; row < rows; ++row) put(row, at(row));
            return;
        }
        const auto sum =
            sum_of_rows(rows, [&](int64_t row, Vector<float> s) HWY_ATTR { return hn::Add(s, at(row)); });
        const auto mean = hn::Div(sum, constant<float>(static_cast<double>(rows)));
        const auto m2 = sum_of_rows(rows, [&](int64_t row, Vector<float> s) HWY_ATTR {
            const auto value = at(row), distance = hn::Sub(value, mean);
            put(row, value);
            return hn::MulAdd(distance, distance, s);
        });
        part.store(mean, means + c);
        part.store(m2, m2s + c);
    });
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
