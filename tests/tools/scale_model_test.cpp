// bench scale's model: formulas in numbers worked out by hand, and what they come to at their limits.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "lab/bench/scale_bench.h"
#include "lab/bench/scale_model.h"

namespace vitrine::tools {
namespace {

using doctest::Approx;

constexpr double infinity = std::numeric_limits<double>::infinity();

const Network ethernet{.bandwidth = 1e9, .latency = 1e-3};
const Network none_to_wait_for{.bandwidth = infinity, .latency = 0.0};
// 10 ms on that network, with the statistics; and 3 ms to be added.
const ExchangedBytes ten_megabytes{.gradients = 9e6, .statistics = 1e6, .add_bandwidth = 9e9};
const Failures never{.mean_seconds = 1e15, .interval_seconds = 600.0};
const Reading at_once{.image_bytes = 1e6, .bandwidth = infinity};
const Process steady{.seconds = {0.1}, .backward_share = 0.5, .images = 64};
const Process uneven{.seconds = {0.1, 0.1, 0.1, 0.2}, .backward_share = 0.5, .images = 64};
const std::vector<int64_t> sizes{1, 2, 4, 8, 16, 32, 64};

double sum_of(const ScaleTimes& times) {
    return times.efficiency + times.waiting + times.sending + times.reading + times.failures;
}

/// Every row's times, both ways of sending.
std::vector<ScaleTimes> all_times(const std::vector<ScaleRow>& rows) {
    std::vector<ScaleTimes> times;
    for (const ScaleRow& row : rows) times.insert(times.end(), {row.today, row.could_be});
    return times;
}

}  // namespace

TEST_CASE("a tree is as deep as the processes double") {
    CHECK(tree_depth(1) == 0);
    CHECK(tree_depth(2) == 1);
    CHECK(tree_depth(3) == 2);
    CHECK(tree_depth(8) == 3);
    CHECK(tree_depth(9) == 4);
    CHECK(tree_depth(512) == 9);
}

TEST_CASE("today's exchange: each range up the tree, and to all, before the next one") {
    CHECK(tree_seconds(1, ten_megabytes, ethernet) == 0.0);
    // A send is 8 ranges of two messages of 1 ms, and 9 ms of bytes; an addition 3 ms.
    CHECK(tree_seconds(2, ten_megabytes, ethernet) == Approx(1 * (25e-3 + 3e-3) + 1 * 25e-3));
    CHECK(tree_seconds(4, ten_megabytes, ethernet) == Approx(2 * (25e-3 + 3e-3) + 3 * 25e-3));
    CHECK(tree_seconds(8, ten_megabytes, ethernet) == Approx(3 * (25e-3 + 3e-3) + 3 * 25e-3));
    CHECK(tree_seconds(512, ten_megabytes, ethernet) == Approx(9 * (25e-3 + 3e-3) + 9 * 25e-3));
}

TEST_CASE("in halves each process sends and receives all of it less than twice, however many there are") {
    CHECK(halves_seconds(1, ten_megabytes, ethernet) == 0.0);
    // 3/4 of 2 · 9 ms and 3 ms; eight ranges of 2 · 2 messages.
    CHECK(halves_seconds(4, ten_megabytes, ethernet) == Approx(0.75 * (18e-3 + 3e-3) + 8 * 4 * 1e-3));

    const Network far{.bandwidth = 1e9, .latency = 0.0};
    CHECK(halves_seconds(4096, ten_megabytes, far) < 21e-3);
    CHECK(tree_seconds(4096, ten_megabytes, far) > 10 * 21e-3);
}

TEST_CASE("backward hides of an exchange what it lasts, but for the last range") {
    CHECK(exposed_seconds(0.0, 1, ten_megabytes, ethernet, 0.0) == 0.0);
    // Of four processes, statistics of two messages of 1 ms and 1 ms of bytes go up two levels and to three others; the few
    // bytes are 4 ms. None of that is ever hidden.
    constexpr double always = (2 + 3) * 3e-3 + 4e-3;
    CHECK(exposed_seconds(0.08, 4, ten_megabytes, ethernet, 0.0) == Approx(0.08 + always));
    CHECK(exposed_seconds(0.08, 4, ten_megabytes, ethernet, 0.03) == Approx(0.05 + always));
    CHECK(exposed_seconds(0.08, 4, ten_megabytes, ethernet, 3600.0) == Approx(0.01 + always));
}

TEST_CASE("reading is hidden behind the step before, as long as that is the longer one") {
    // 64 images of 1 MB at 1 GB/s are 64 ms of the step's 100; at half of that 128 ms.
    const auto rows_at = [](double bandwidth) {
        return scale_rows({1, 2}, steady, {{.gradients = 9e6}, none_to_wait_for, {1e6, bandwidth}, never}, 1);
    };
    CHECK(reading_seconds(steady, {1e6, 1e9}) == Approx(0.064));
    for (const ScaleRow& row : rows_at(1e9)) {
        CHECK(row.today.reading == 0.0);
        CHECK(row.today.step_seconds == Approx(0.1));
        CHECK(row.today.efficiency == Approx(1.0));
    }
    for (const ScaleRow& row : rows_at(0.5e9)) {
        CHECK(row.today.step_seconds == Approx(0.128));
        CHECK(row.today.reading == Approx(28.0 / 128.0));
        CHECK(row.today.efficiency == Approx(100.0 / 128.0));
        CHECK(std::string(row.today.breaks_first()) == "reading");
    }
}

TEST_CASE("what failures leave: Daly's formula by hand, and the first order of rare ones") {
    // M = 100 h / 10 = 36000 s; 600 s of work and 30 s of writing between failures; 900 s to begin again.
    const Failures failures{.mean_seconds = 360'000.0,
                            .interval_seconds = 600.0,
                            .write_seconds = 30.0,
                            .restart_seconds = 900.0};
    CHECK(useful_share(10, failures) == Approx(600.0 / (36e3 * std::exp(0.025) * (std::exp(0.0175) - 1.0))));
    CHECK(useful_share(10, failures) == Approx(0.9207).epsilon(1e-3));
    CHECK(best_interval(10, failures) == Approx(std::sqrt(2.0 * 30.0 * 36e3)));

    Failures rare = failures;
    rare.mean_seconds = 1e8;
    rare.write_seconds = 0.6;
    CHECK(1.0 - useful_share(1, rare) == Approx(0.6 / 600.0 + (300.0 + 900.0) / 1e8).epsilon(1e-2));
    CHECK(useful_share(1, never) == Approx(1.0));
    Failures hopeless = failures;
    hopeless.mean_seconds = 60.0;
    CHECK(useful_share(512, hopeless) == 0.0);  // e^… is beyond all numbers
}

TEST_CASE("more failures lose more, and so do more processes") {
    double before = 1.0;
    for (const double hours : {1e6, 1e5, 1e4, 1e3, 1e2}) {
        Failures failures = never;
        failures.mean_seconds = 3600.0 * hours;
        const double share = useful_share(64, failures);
        CHECK(share < before);
        CHECK(share > useful_share(128, failures));
        before = share;
    }
}

TEST_CASE("Young's interval loses least among its neighbours") {
    const Failures failures{.mean_seconds = 1e7, .write_seconds = 2.0, .restart_seconds = 600.0};
    const auto share = [&](double interval) {
        Failures tried = failures;
        tried.interval_seconds = interval;
        return useful_share(8, tried);
    };
    const double best = best_interval(8, failures);
    CHECK(share(best) > share(best / 2.0));
    CHECK(share(best) > share(best * 2.0));
}

TEST_CASE("one process has nobody to wait for and nothing to send") {
    const ScaleRow row = scale_rows({1}, uneven, {ten_megabytes, ethernet, at_once, never}, 1).front();
    for (const ScaleTimes& times : {row.today, row.could_be}) {
        CHECK(times.sending == 0.0);
        CHECK(times.waiting == 0.0);
        CHECK(times.efficiency == Approx(1.0));
        CHECK(times.images_per_second == Approx(64.0 / times.step_seconds));
    }
}

TEST_CASE("steps that are all alike, on a network that takes no time, grow with the processes") {
    for (const ScaleRow& row :
         scale_rows(sizes, steady, {ten_megabytes, none_to_wait_for, at_once, never}, 1)) {
        // Additions are left, of the last range an eighth: of the tree 3 ms for each level, in halves a part of them.
        const double ranks = static_cast<double>(row.ranks);
        CHECK(row.today.step_seconds == Approx(0.1 + 3e-3 / 8 * tree_depth(row.ranks)));
        CHECK(row.could_be.step_seconds == Approx(0.1 + 3e-3 / 8 * (ranks - 1.0) / ranks));
    }
    const ExchangedBytes not_added{.gradients = 9e6, .statistics = 1e6};
    for (const ScaleRow& row : scale_rows(sizes, steady, {not_added, none_to_wait_for, at_once, never}, 1)) {
        CHECK(row.today.images_per_second == Approx(static_cast<double>(row.ranks) * 640.0));
        CHECK(row.could_be.images_per_second == Approx(static_cast<double>(row.ranks) * 640.0));
    }
}

TEST_CASE("a network that takes no time leaves the stragglers: the slowest of N is what is known of it") {
    const ExchangedBytes not_added{.gradients = 9e6, .statistics = 0.0};
    const std::vector<ScaleRow> rows =
        scale_rows(sizes, uneven, {not_added, none_to_wait_for, at_once, never}, 1);
    for (const ScaleRow& row : rows) {
        // It is one of the quick ones only if all are: (3/4)^N. Drawn a thousand times, that is known to three hundredths.
        const double slowest = 0.2 - 0.1 * std::pow(0.75, static_cast<double>(row.ranks));
        CHECK(row.today.step_seconds == Approx(slowest).epsilon(0.04));
        CHECK(row.today.sending == 0.0);
        CHECK(row.today.step_seconds == row.could_be.step_seconds);
    }
    CHECK(std::string(rows.back().today.breaks_first()) == "waiting");
    const auto again = scale_rows({64}, uneven, {not_added, none_to_wait_for, at_once, never}, 1);
    CHECK(again.front().today.step_seconds == rows.back().today.step_seconds);
    const auto other = scale_rows({2}, uneven, {not_added, none_to_wait_for, at_once, never}, 2);
    CHECK(other.front().today.step_seconds != rows[1].today.step_seconds);
}

TEST_CASE("efficiency and losses are the whole, and more processes are never more efficient") {
    const Failures some{
        .mean_seconds = 1e7, .interval_seconds = 600.0, .write_seconds = 1.0, .restart_seconds = 600.0};
    const Surroundings around{ten_megabytes, ethernet, {1e6, 2e9}, some};
    const std::vector<ScaleRow> rows = scale_rows(sizes, uneven, around, 1);
    for (const ScaleTimes& times : all_times(rows)) {
        CHECK(sum_of(times) == Approx(1.0));
        CHECK(times.efficiency <= 1.0);
        CHECK(std::min({times.waiting, times.sending, times.reading, times.failures}) >= 0.0);
    }
    for (size_t i = 1; i < rows.size(); ++i) {
        CHECK(rows[i].today.efficiency < rows[i - 1].today.efficiency);
        CHECK(rows[i].could_be.efficiency < rows[i - 1].could_be.efficiency);
    }
    CHECK(std::string(rows.back().today.breaks_first()) == "sending");
}

TEST_CASE("what breaks first is the largest loss") {
    ScaleTimes times;
    CHECK(std::string(times.breaks_first()) == "nothing");
    times.failures = 0.05;
    CHECK(std::string(times.breaks_first()) == "failures");
    times.reading = 0.1;
    CHECK(std::string(times.breaks_first()) == "reading");
    times.waiting = 0.2;
    CHECK(std::string(times.breaks_first()) == "waiting");
    times.sending = 0.3;
    CHECK(std::string(times.breaks_first()) == "sending");
}

TEST_CASE("ImageNet for 300 epochs at 1000 images a second takes 384,350 seconds") {
    CHECK(training_seconds({.images_per_second = 1000.0}, imagenet_images, imagenet_epochs) ==
          Approx(384'350.1));
}

TEST_CASE("scattered steps have the mean and the deviation that they were asked for") {
    const std::vector<double> steps = scattered(0.1, 0.02);
    double mean = 0.0, square = 0.0;
    for (const double step : steps) mean += step / static_cast<double>(steps.size());
    for (const double step : steps)
        square += (step - mean) * (step - mean) / static_cast<double>(steps.size());
    CHECK(mean == Approx(0.1));
    CHECK(std::sqrt(square) == Approx(0.002).epsilon(0.1));
    CHECK(std::ranges::count(scattered(0.1, 0.0), scattered(0.1, 0.0).front()) == std::ssize(steps));
}

}  // namespace vitrine::tools
