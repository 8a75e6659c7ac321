// The thread pool: every index once, whoever calls, however often.

#include "kernels/cpu/thread_pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "kernels/cpu/parallel.h"
#include "lab/gradcheck/harness/fixed_threads.h"

namespace vitrine {
namespace {

using gradcheck::FixedThreads;

/// How often parallel_for called for each index.
std::vector<int> calls_of_loop(int64_t count) {
    std::vector<std::atomic<int>> calls(static_cast<size_t>(count));
    cpu::parallel_for(count, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
    return {calls.begin(), calls.end()};
}

TEST_CASE("a loop takes every index once, with any number of threads") {
    for (const int threads : {1, 2, 3, 16}) {
        const FixedThreads fixed(threads);
        for (const int64_t count : {0, 1, 2, 3, 17, 1000}) {
            CAPTURE(threads);
            CAPTURE(count);
            CHECK(calls_of_loop(count) == std::vector<int>(static_cast<size_t>(count), 1));
        }
    }
}

TEST_CASE("what a loop wrote is there when it returns, thousands of times") {
    const FixedThreads fixed(3);
    std::vector<int64_t> written(7);
    for (int64_t round = 1; round <= 20'000; ++round) {
        cpu::parallel_for(std::ssize(written),
                          [&](int64_t i) { written[static_cast<size_t>(i)] += i + round; });
    }
    for (int64_t i = 0; i < std::ssize(written); ++i) {
        CHECK(written[static_cast<size_t>(i)] == 20'000 * i + 20'000 * 20'001 / 2);
    }
}

TEST_CASE("a thread's index is below the number of threads, and its own while it works") {
    const FixedThreads fixed(4);
    std::vector<std::atomic<int>> inside(4);
    std::atomic<int> shared = 0;
    cpu::parallel_for(500, [&](int64_t) {
        const auto index = static_cast<size_t>(cpu::index_in_pool());
        if (index >= inside.size() || ++inside[index] > 1) ++shared;
        std::this_thread::yield();
        if (index < inside.size()) --inside[index];
    });
    CHECK(shared == 0);
    CHECK(cpu::index_in_pool() == 0);
}

TEST_CASE("a thread begins with the same part of every loop") {
    constexpr int threads = 4;
    const FixedThreads fixed(threads);
    for (const int64_t count : {4, 8, 10, 1000}) {
        std::vector<int64_t> first(threads, -1);
        std::atomic<int> begun = 0;
        // Nobody goes on before all have begun: else a thread that comes late finds its part taken.
        cpu::parallel_for(count, [&](int64_t i) {
            int64_t& own = first[static_cast<size_t>(cpu::index_in_pool())];
            if (own >= 0) return;
            own = i;
            for (++begun; begun < threads;) std::this_thread::yield();
        });
        CAPTURE(count);
        for (int64_t t = 0; t < threads; ++t) CHECK(first[static_cast<size_t>(t)] == count * t / threads);
    }
}

TEST_CASE("a loop inside a loop is the calling thread's alone") {
    const FixedThreads fixed(2);
    std::atomic<int> calls = 0;
    std::atomic<int> strangers = 0;
    cpu::parallel_for(20, [&](int64_t) {
        const auto caller = std::this_thread::get_id();
        cpu::parallel_for(30, [&](int64_t) {
            ++calls;
            if (std::this_thread::get_id() != caller) ++strangers;
        });
    });
    CHECK(calls == 600);
    CHECK(strangers == 0);
}

TEST_CASE("loops of several threads at once are all done") {
    const FixedThreads fixed(3);
    std::atomic<int> wrong = 0;
    {
        std::vector<std::jthread> callers;
        for (int caller = 0; caller < 4; ++caller) {
            callers.emplace_back([&] {
                for (int round = 0; round < 500; ++round) {
                    if (calls_of_loop(9) != std::vector<int>(9, 1)) ++wrong;
                }
            });
        }
    }
    CHECK(wrong == 0);
}

}  // namespace
}  // namespace vitrine
