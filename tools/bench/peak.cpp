// The machine's peaks: see peak.h.

#include "tools/bench/peak.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tools/bench/peak.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::tools::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// `rounds` of twelve independent chains of fused multiply-adds: enough to hide the latency of each.
/// Returns the number of operations; `sink` keeps the result alive.
HWY_ATTR double multiply_add_chains(int rounds, float* sink) {
    const hn::ScalableTag<float> d;
    const auto factor = hn::Set(d, 0.999f), term = hn::Set(d, 0.001f);
    // Different starts, or the compiler would see equal chains and compute one of them.
    auto a0 = hn::Set(d, 0.0f);
    auto a1 = hn::Set(d, 0.1f);
    auto a2 = hn::Set(d, 0.2f);
    auto a3 = hn::Set(d, 0.3f);
    auto a4 = hn::Set(d, 0.4f);
    auto a5 = hn::Set(d, 0.5f);
    auto a6 = hn::Set(d, 0.6f);
    auto a7 = hn::Set(d, 0.7f);
    auto a8 = hn::Set(d, 0.8f);
    auto a9 = hn::Set(d, 0.9f);
    auto a10 = hn::Set(d, 1.0f);
    auto a11 = hn::Set(d, 1.1f);
    for (int i = 0; i < rounds; ++i) {
        a0 = hn::MulAdd(a0, factor, term);
        a1 = hn::MulAdd(a1, factor, term);
        a2 = hn::MulAdd(a2, factor, term);
        a3 = hn::MulAdd(a3, factor, term);
        a4 = hn::MulAdd(a4, factor, term);
        a5 = hn::MulAdd(a5, factor, term);
        a6 = hn::MulAdd(a6, factor, term);
        a7 = hn::MulAdd(a7, factor, term);
        a8 = hn::MulAdd(a8, factor, term);
        a9 = hn::MulAdd(a9, factor, term);
        a10 = hn::MulAdd(a10, factor, term);
        a11 = hn::MulAdd(a11, factor, term);
    }
    const auto sum = hn::Add(
        hn::Add(hn::Add(a0, a1), hn::Add(a2, a3)),
        hn::Add(hn::Add(hn::Add(a4, a5), hn::Add(a6, a7)), hn::Add(hn::Add(a8, a9), hn::Add(a10, a11))));
    *sink = hn::GetLane(sum);
    return 12.0 * 2.0 * static_cast<double>(hn::Lanes(d)) * rounds;
}

}  // namespace vitrine::tools::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "kernels/runtime.h"
#include "kernels/threads.h"

namespace vitrine::tools {
namespace {

HWY_EXPORT(multiply_add_chains);

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double measure_flops() {
    constexpr int rounds = 4'000'000;
    double best = 0.0;
    std::vector<float> sinks(static_cast<size_t>(threads()));
    for (int repeat = 0; repeat < 5; ++repeat) {
        double operations = 0.0;
        const auto start = std::chrono::steady_clock::now();
#pragma omp parallel for reduction(+ : operations)
        for (size_t i = 0; i < sinks.size(); ++i) {
            operations += HWY_DYNAMIC_DISPATCH(multiply_add_chains)(rounds, &sinks[i]);
        }
        best = std::max(best, operations / seconds_since(start));
    }
    return best;
}

double measure_bandwidth() {
    constexpr size_t bytes = size_t{256} << 20, pieces = 256;
    const Runtime& host = runtime(Device::cpu);
    char* from = static_cast<char*>(host.allocate(bytes));
    char* to = static_cast<char*>(host.allocate(bytes));
    std::memset(from, 1, bytes);
    std::memset(to, 2, bytes);
    double best = 0.0;
    for (int repeat = 0; repeat < 5; ++repeat) {
        const auto start = std::chrono::steady_clock::now();
#pragma omp parallel for
        for (size_t i = 0; i < pieces; ++i) {
            std::memcpy(to + i * (bytes / pieces), from + i * (bytes / pieces), bytes / pieces);
        }
        best = std::max(best, 2.0 * static_cast<double>(bytes) / seconds_since(start));
    }
    host.release(from);
    host.release(to);
    return best;
}

}  // namespace

Peak measure_peak() { return {measure_flops(), measure_bandwidth()}; }

}  // namespace vitrine::tools
#endif
