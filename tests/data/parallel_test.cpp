// The parallel loop, and choices and statistics that must not depend on it.

#include "data/parallel.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

#include "data/image_set.h"

using namespace vitrine;

TEST_CASE("every item is worked on once") {
    for (const int threads : {0, 1, 3, 16}) {
        for (const int64_t count : {0, 1, 7, 10'000}) {
            std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
            parallel_for(count, threads, [&](int64_t i) { ++visits[static_cast<size_t>(i)]; });
            CHECK(std::all_of(visits.begin(), visits.end(), [](const auto& n) { return n == 1; }));
        }
    }
}

TEST_CASE("progress is reported by the calling thread and ends with all") {
    const auto caller = std::this_thread::get_id();
    std::vector<int64_t> reports;
    parallel_for(
        30, 2, [](int64_t) { std::this_thread::sleep_for(std::chrono::milliseconds(20)); },
        [&](int64_t done, int64_t total) {
            CHECK(std::this_thread::get_id() == caller);
            CHECK(total == 30);
            reports.push_back(done);
        });
    CHECK(reports.size() >= 2);
    CHECK(std::is_sorted(reports.begin(), reports.end()));
    CHECK(reports.back() == 30);
}

TEST_CASE("an exception of the work or of the progress stops the loop") {
    std::atomic<int64_t> visits = 0;
    const auto failing_work = [&](int64_t i) {
        if (++visits; i == 5) throw std::runtime_error("at five");
        std::this_thread::sleep_for(std::chrono::microseconds(50));
    };
    CHECK_THROWS_WITH(parallel_for(1'000'000, 2, failing_work), "at five");
    CHECK(visits < 1'000'000);
    const auto slow_work = [](int64_t) { std::this_thread::sleep_for(std::chrono::milliseconds(10)); };
    const auto failing_progress = [](int64_t, int64_t) { throw std::runtime_error("stop"); };
    CHECK_THROWS_WITH(parallel_for(100'000, 2, slow_work, failing_progress), "stop");
}

TEST_CASE("statistics of the channels are exact") {
    ImageSet set{2, 1, 2, {0, 0}, {0, 1}, {}};
    const auto pixels = std::make_shared<std::vector<uint8_t>>(std::vector<uint8_t>{0, 10, 9, 255, 20, 9,  //
                                                                                    0, 30, 9, 255, 40, 9});
    set.pixels = {pixels, pixels->data(), 2};
    const ChannelStatistics statistics = channel_statistics(set);
    CHECK(statistics.mean[0] == doctest::Approx(0.5));
    CHECK(statistics.stddev[0] == doctest::Approx(0.5));
    CHECK(statistics.mean[1] == doctest::Approx(25.0 / 255));
    CHECK(statistics.stddev[1] == doctest::Approx(std::sqrt(125.0) / 255));
    CHECK(statistics.mean[2] == doctest::Approx(9.0 / 255));
    CHECK(statistics.stddev[2] == doctest::Approx(1.0 / 255));  // constant: the least deviation
    CHECK_THROWS_AS(set.image(2), std::out_of_range);
    CHECK(set.select({1}).image(0)[1] == 30);
}
