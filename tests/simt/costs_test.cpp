// What the executor costs, on one OS thread. Not part of the tests: simt_tests --no-skip -tc='costs*' prints
// it.

#include "tests/simt/costs.h"

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <ctime>

#include "tests/simt/gemm.h"
#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

namespace {

double cpu_time() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return 1e9 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec);
}

/// Nanoseconds of this OS thread's own time, the best of several runs: other programs do not count.
template <class F>
double best_time(F&& f) {
    double best = 1e18;
    for (int i = 0; i < 5; ++i) {
        const double begin = cpu_time();
        f();
        best = std::min(best, cpu_time() - begin);
    }
    return best;
}

}  // namespace

TEST_CASE("costs" * doctest::skip()) {
    constexpr unsigned blocks = 500;
    constexpr unsigned threads = 256;
    constexpr double all = blocks * threads;
    constexpr int size = 192;
    constexpr double multiply_adds = double{size} * size * size;
    const Buffer<float> a(std::vector<float>(size * size, 1.0f));
    const Buffer<float> b(std::vector<float>(size * size, 1.0f));
    const Buffer<float> c(size * size);
    for (const Settings& settings : {Settings{.threads = 1, .check = false}, Settings{.threads = 1},
                                     Settings{.threads = 1, .count_traffic = true}}) {
        const SettingsScope scope(settings);
        const double empty = best_time([] { test::run_empty(blocks, threads); }) / all;
        const double launch = best_time([] {
                                  for (unsigned i = 0; i < blocks; ++i) test::run_empty(1, threads);
                              }) / blocks -
                              threads * empty;
        const double one = best_time([] { test::run_barriers(blocks, threads, 1); }) / all;
        const double many = best_time([] { test::run_barriers(blocks, threads, 11); }) / all;
        const double shuffle = best_time([] { test::run_shuffles(blocks, threads, 1); }) / all;
        const double shuffles = best_time([] { test::run_shuffles(blocks, threads, 11); }) / all;
        const double gemm =
            best_time([&] { test::gemm(a.data(), b.data(), c.data(), size, size, size); }) / multiply_adds;
        const auto read = [&](bool fenced) {
            return best_time([&] { test::run_reads(a.data(), c.data(), 64, threads, 1000, fenced); }) /
                   (64 * threads * 1000);
        };
        fmt::print("read of a word of all blocks: {:.1f}, in a launch with fences {:.1f}\n", read(false),
                   read(true));
        fmt::print(
            "check {}, traffic {}: ns per launch {:.0f}, empty thread {:.1f}, first barrier {:.1f}, next "
            "{:.1f}, shuffle "
            "{:.1f}, "
            "multiply-add of a tiled product {:.1f}\n",
            settings.check, settings.count_traffic, launch, empty, one - empty, (many - one) / 10,
            (shuffles - shuffle) / 10, gemm);
    }
}
