// Passes over rows that end in what tile registers multiply (amx.h): floats in two terms, and panels of results.
// For vectors of 16 floats alone, which is what a processor with tile registers has; elsewhere they are compiled and never run.

#include <hwy/highway.h>

#include <cstdint>

#include "kernels/cpu/amx.h"
#include "kernels/cpu/conv_parts-inl.h"
#include "kernels/cpu/gemm_gather-inl.h"

#if defined(VITRINE_KERNELS_CPU_AMX_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_AMX_ROWS_INL_H_
#undef VITRINE_KERNELS_CPU_AMX_ROWS_INL_H_
#else
#define VITRINE_KERNELS_CPU_AMX_ROWS_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// Rows of a source in a thread's own memory, its band's too; null where it has none.
HWY_INLINE void gather_tile_rows(const RowSource<bf16>& source, int64_t first, int64_t rows, bf16* band,
                                 bf16* to, int64_t stride) {
    if (band == nullptr) return gather_rows(source, first, rows, native(to), stride);
    fill_band(source, first, rows, native(band));
    gather_rows_of_band(source, first, rows, band, to, stride);
}

/// Two vectors, rounded to nearest.
HWY_INLINE HWY_ATTR void store_rounded(Vector<float> first, Vector<float> second, NativeBf16* to) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
    const hn::ScalableTag<uint16_t> halves;
    hn::Vec<decltype(halves)> bits;
    asm("vcvtne2ps2bf16 %2, %1, %0" : "=v"(bits.raw) : "v"(second.raw), "v"(first.raw));
    hn::StoreU(bits, halves, &to->bits);
#else
    FullVector<float>{}.store(first, to);
    FullVector<float>{}.store(second, to + lanes_of<float>());
#endif
}

/// value(part, c), the floats of a row from element c on, in two terms: rounded, and what that leaves.
template <class Value>
HWY_INLINE HWY_ATTR void split_row(int64_t count, const Value& value, bf16* high, bf16* low) {
    for_each_vector<float>(count, [&](auto part, int64_t c) HWY_ATTR {
        const auto whole = value(part, c);
        const auto rounded = widened(high, half_bits(native(high), whole));
        part.store(whole, native(high) + c);
        part.store(hn::Sub(whole, rounded), native(low) + c);
    });
}

/// The epilogue's part of a gradient, [channels] each (epilogue_coefficients).
struct EpilogueGradient {
    const float *level, *slope, *mean;
};

/// As epilogue_gradient_rows of a row, in two terms.
HWY_INLINE HWY_ATTR void split_gradient_row(const bf16* d_y, const bf16* y, int64_t channels,
                                            const EpilogueGradient& epilogue, bf16* high, bf16* low) {
    split_row(
        channels,
        [&](auto part, int64_t c) HWY_ATTR {
            const auto base = hn::Add(part.load(d_y + c), part.load(epilogue.level + c));
            const auto distance = hn::Sub(part.load(y + c), part.load(epilogue.mean + c));
            return hn::MulAdd(part.load(epilogue.slope + c), distance, base);
        },
        high, low);
}

/// A panel of results as its passes read it: vectors of columns, `vectors` of them side by side.
template <class Part, int vectors>
struct PanelColumns {
    Part part;
    const float* panel;

    HWY_INLINE HWY_ATTR Vector<float> at(int64_t row, int v) const {
        return part.load(panel + row * amx::panel_columns + v * lanes_of<float>());
    }

    /// Sums over the rows: four chains each, so that no addition waits for the one before it. term(row, v, sum) adds to a sum.
    template <class Term>
    HWY_INLINE HWY_ATTR void sum(int64_t rows, Vector<float> (&sums)[vectors], const Term& term) const {
        Vector<float> chains[4][vectors];
        for (auto& chain : chains) {
            for (auto& part_of_sum : chain) part_of_sum = constant<float>(0);
        }
        int64_t row = 0;
        for (; row + 4 <= rows; row += 4) {
            for (int k = 0; k < 4; ++k) term(row + k, chains[k]);
        }
        for (; row < rows; ++row) term(row, chains[0]);
        for (int v = 0; v < vectors; ++v)
            sums[v] = hn::Add(hn::Add(chains[0][v], chains[1][v]), hn::Add(chains[2][v], chains[3][v]));
    }

    HWY_INLINE HWY_ATTR void put(const Vector<float> (&values)[vectors], NativeBf16* to) const {
        if constexpr (vectors == 2) {
            store_rounded(values[0], values[1], to);
        } else {
            part.store(values[0], to);
        }
    }

    HWY_INLINE HWY_ATTR void load(int64_t row, Vector<float> (&values)[vectors]) const {
        for (int v = 0; v < vectors; ++v) values[v] = at(row, v);
    }
};

/// Columns of a panel, rounded into rows `stride` apart, and their statistics where these are wanted: as column_statistics,
/// while the panel is read but twice.
template <class Part, int vectors>
HWY_INLINE HWY_ATTR void put_columns(const PanelColumns<Part, vectors>& columns, int64_t rows, float* means,
                                     float* m2s, bf16* to, int64_t stride) {
    if (means == nullptr) {
        for (int64_t row = 0; row < rows; ++row) {
            Vector<float> values[vectors];
            columns.load(row, values);
            columns.put(values, native(to) + row * stride);
        }
        return;
    }
    Vector<float> mean[vectors], m2[vectors];
    columns.sum(rows, mean, [&](int64_t row, Vector<float>(&sums)[vectors]) HWY_ATTR {
        for (int v = 0; v < vectors; ++v) sums[v] = hn::Add(sums[v], columns.at(row, v));
    });
    for (auto& value : mean) value = hn::Div(value, constant<float>(static_cast<double>(rows)));
    columns.sum(rows, m2, [&](int64_t row, Vector<float>(&sums)[vectors]) HWY_ATTR {
        Vector<float> values[vectors];
        columns.load(row, values);
        columns.put(values, native(to) + row * stride);
        for (int v = 0; v < vectors; ++v) {
            const auto distance = hn::Sub(values[v], mean[v]);
            sums[v] = hn::MulAdd(distance, distance, sums[v]);
        }
    });
    for (int v = 0; v < vectors; ++v) {
        columns.part.store(mean[v], means + v * lanes_of<float>());
        columns.part.store(m2[v], m2s + v * lanes_of<float>());
    }
}

/// A panel of results, `width` columns of it.
HWY_INLINE HWY_ATTR void put_panel(const float* panel, int64_t rows, int64_t width, float* means, float* m2s,
                                   bf16* to, int64_t stride) {
    if (width == 2 * lanes_of<float>()) {
        return put_columns(PanelColumns<FullVector<float>, 2>{{}, panel}, rows, means, m2s, to, stride);
    }
    for_each_vector<float>(width, [&](auto part, int64_t c) HWY_ATTR {
        const auto from_c = [&](float* sums) { return sums == nullptr ? nullptr : sums + c; };
        put_columns(PanelColumns<decltype(part), 1>{part, panel + c}, rows, from_c(means), from_c(m2s),
                    to + c, stride);
    });
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
