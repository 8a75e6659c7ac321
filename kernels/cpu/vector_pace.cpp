// Chains of multiply-adds of whole and of half vectors, timed: see vector_pace.h.

#include "kernels/cpu/vector_pace.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/vector_pace.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// As many chains as hide a multiply-add's latency: the units are busy all the time.
template <class D>
HWY_NOINLINE HWY_ATTR float run_chains(D d, int rounds) {
    constexpr int chains = 12;
    hn::Vec<D> sums[chains];
    for (int i = 0; i < chains; ++i) sums[i] = hn::Set(d, static_cast<float>(i));
    const auto factor = hn::Set(d, 0.5F), term = hn::Set(d, 1.0F);
    for (int round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
        for (int i = 0; i < chains; ++i) sums[i] = hn::MulAdd(sums[i], factor, term);
    }
    for (int i = 1; i < chains; ++i) sums[0] = hn::Add(sums[0], sums[i]);
    return hn::GetLane(sums[0]);
}

/// The shortest of several times: a processor needs a few microseconds before its widest units run at full speed, and other
/// programs take their share.
template <class D>
double seconds_of_chains(D d) {
    constexpr int repeats = 20, rounds = 500;
    double best = 1.0;
    for (int i = 0; i < repeats; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        volatile float sink = run_chains(d, rounds);
        static_cast<void>(sink);
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
        best = std::min(best, passed.count());
    }
    return best;
}

bool measure() {
    const hn::ScalableTag<float> whole;
    if constexpr (hn::MaxLanes(whole) < 2) {
        return true;
    } else {
        const hn::Half<decltype(whole)> half;
        return seconds_of_chains(whole) < 1.5 * seconds_of_chains(half);
    }
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(measure);

enum class Pace : unsigned char { measured, keeps, falls_behind };
std::atomic<Pace> assumed = Pace::measured;

}  // namespace

bool whole_vectors_keep_pace() {
    const Pace pace = assumed.load(std::memory_order_relaxed);
    if (pace != Pace::measured) return pace == Pace::keeps;
    static const bool measured = HWY_DYNAMIC_DISPATCH(measure)();
    return measured;
}

void assume_vector_pace(std::optional<bool> keeps_pace) {
    assumed.store(!keeps_pace   ? Pace::measured
                  : *keeps_pace ? Pace::keeps
                                : Pace::falls_behind,
                  std::memory_order_relaxed);
}

}  // namespace vitrine::cpu
#endif
