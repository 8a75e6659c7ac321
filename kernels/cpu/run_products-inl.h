// Products of short runs of numbers that move along a line, such as a window's, by others beside them, summed up over the line.

#if defined(VITRINE_KERNELS_CPU_RUN_PRODUCTS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_RUN_PRODUCTS_INL_H
#undef VITRINE_KERNELS_CPU_RUN_PRODUCTS_INL_H
#else
#define VITRINE_KERNELS_CPU_RUN_PRODUCTS_INL_H
#endif

#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// Runs left and right, `count` of them, each a step behind the last; sums [runs of left, `stride`].
template <class A>
struct RunPair {
    const A* left;
    int64_t left_step;
    const A* right;
    int64_t right_step;
    int64_t count;
    A* sums;
    int64_t stride;
};

/// sums[u, v] += Σ left[u] · right[v] for u < kRows and so many vectors of v, of which the last may reach behind the run.
template <int kRows, int kVectors, class A>
HWY_INLINE HWY_ATTR void add_products(const RunPair<A>& runs) {
    const hn::ScalableTag<A> d;
    const int64_t lanes = lanes_of<A>();
    Vector<A> sums[kRows * kVectors];
    unrolled<kRows * kVectors>([&](auto i) HWY_ATTR { sums[i] = hn::Zero(d); });
    const A *left = runs.left, *right = runs.right;
    for (int64_t i = 0; i < runs.count; ++i, left += runs.left_step, right += runs.right_step) {
        Vector<A> of_right[kVectors];
        unrolled<kVectors>([&](auto v)
                               HWY_ATTR { of_right[v] = in_register(hn::LoadU(d, right + v * lanes)); });
        unrolled<kRows>([&](auto u) HWY_ATTR {
            const auto of_left = hn::Set(d, left[u]);
            unrolled<kVectors>([&](auto v) HWY_ATTR {
                sums[u * kVectors + v] = hn::MulAdd(of_left, of_right[v], sums[u * kVectors + v]);
            });
        });
    }
    unrolled<kRows>([&](auto u) HWY_ATTR {
        unrolled<kVectors>([&](auto v) HWY_ATTR {
            A* const to = runs.sums + u * runs.stride + v * lanes;
            hn::StoreU(hn::Add(hn::LoadU(d, to), sums[u * kVectors + v]), d, to);
        });
    });
}

/// Of so many rows. Nine, three pixels of three channels, keep the multipliers busy by themselves.
template <int kVectors, class A>
HWY_INLINE HWY_ATTR void add_products_of_rows(RunPair<A> runs, int64_t rows) {
    const auto take = [&](auto count) HWY_ATTR {
        for (; rows >= count; rows -= count) {
            add_products<decltype(count)::value, kVectors>(runs);
            runs.left += count;
            runs.sums += count * runs.stride;
        }
    };
    take(std::integral_constant<int, 9>{});
    take(std::integral_constant<int, 4>{});
    take(std::integral_constant<int, 1>{});
}

/// Of any length; `columns` are those of right. Their last vector may reach behind them, in memory as well as in the sums.
template <class A>
HWY_ATTR void add_run_products(RunPair<A> runs, int64_t rows, int64_t columns) {
#if HWY_TARGET <= HWY_AVX3
    constexpr int together = 2;
#else
    constexpr int together = 1;  // half as many registers
#endif
    const int64_t lanes = lanes_of<A>();
    int64_t vectors = (columns + lanes - 1) / lanes;
    const auto take = [&](auto count) HWY_ATTR {
        for (; vectors >= count; vectors -= count) {
            add_products_of_rows<decltype(count)::value>(runs, rows);
            runs.right += count * lanes;
            runs.sums += count * lanes;
        }
    };
    if constexpr (together > 1) take(std::integral_constant<int, together>{});
    take(std::integral_constant<int, 1>{});
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
