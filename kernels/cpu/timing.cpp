// The clock and the peaks of the host, for `reference` and `cpu`.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/timing.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// `rounds` of twelve independent chains of fused multiply-adds: enough to hide the latency of each.
/// Returns the number of operations; `sink` keeps the result alive.
HWY_ATTR double multiply_add_chains(int64_t rounds, float* sink) {
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
    for (int64_t i = 0; i < rounds; ++i) {
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
    return 12.0 * 2.0 * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds);
}

}  // namespace vitrine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "kernels/devices.h"
#include "kernels/threads.h"

namespace vitrine {
namespace {

HWY_EXPORT(multiply_add_chains);

using Clock = std::chrono::steady_clock;

void* make_moment() { return new Clock::time_point; }
void release_moment(void* moment) { delete static_cast<Clock::time_point*>(moment); }
void set_moment(void* moment) { *static_cast<Clock::time_point*>(moment) = Clock::now(); }

double seconds_between(void* from, void* to) {
    const auto passed = *static_cast<Clock::time_point*>(to) - *static_cast<Clock::time_point*>(from);
    return std::chrono::duration<double>(passed).count();
}

double multiply_adds(int64_t amount) {
    constexpr int64_t rounds = 4096;
    double operations = 0.0;
    std::vector<float> sinks(static_cast<size_t>(threads()));
#pragma omp parallel for reduction(+ : operations)
    for (size_t i = 0; i < sinks.size(); ++i) {
        operations += HWY_DYNAMIC_DISPATCH(multiply_add_chains)(rounds * amount, &sinks[i]);
    }
    return operations;
}

void stream(void* to, const void* from, size_t bytes) {
    constexpr size_t piece = size_t{1} << 20;
#pragma omp parallel for
    for (size_t begin = 0; begin < bytes; begin += piece) {
        const size_t part = bytes - begin < piece ? bytes - begin : piece;
        std::memcpy(static_cast<char*>(to) + begin, static_cast<const char*>(from) + begin, part);
    }
}

/// Servers' last levels have hundreds of MiB, which their other programs use, too. Some systems do not tell.
size_t cache_bytes() {
    constexpr long most = long{64} << 20, untold = long{32} << 20;
    const long told = std::max(sysconf(_SC_LEVEL3_CACHE_SIZE), sysconf(_SC_LEVEL2_CACHE_SIZE));
    return static_cast<size_t>(std::min(told > 0 ? told : untold, most));
}

}  // namespace

const Timing& host_timing() {
    static constexpr Timing functions{make_moment,   release_moment, set_moment,  seconds_between,
                                      multiply_adds, stream,         cache_bytes, false};
    return functions;
}

}  // namespace vitrine
#endif
