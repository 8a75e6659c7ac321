// A launch of which only some blocks are run: which, what is counted, and what stays as it was.

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/simt/costs.h"
#include "tests/simt/fences.h"
#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

namespace {

constexpr unsigned blocks = 64;

/// Which blocks were run, of a kernel in which each writes a place of its own.
std::vector<size_t> blocks_run(const Settings& settings, LaunchReport* report = nullptr) {
    const Buffer<int> values(std::vector<int>(size_t{blocks} * 128, 0));
    const Buffer<size_t> places(std::vector<size_t>(size_t{blocks}, 0));
    const LaunchReport seen =
        report_of([&] { test::count_long(values.data(), places.data(), blocks, 3, false); }, settings);
    if (report != nullptr) *report = seen;
    std::vector<size_t> run;
    const std::vector<size_t> written = places.values();
    for (size_t block = 0; block < written.size(); ++block)
        if (written[block] != 0) run.push_back(block);
    return run;
}

}  // namespace

TEST_CASE("a sample has one block of each part of the grid, in every order") {
    for (Settings settings : all_orders) {
        settings.most_blocks = 4;
        LaunchReport report;
        const std::vector<size_t> run = blocks_run(settings, &report);
        CHECK(report.blocks_run == 4);
        REQUIRE(run.size() == 4);
        if (settings.order == Order::shuffled) continue;  // parts of the order of the launch
        for (size_t part = 0; part < 4; ++part) CHECK(run[part] / 16 == part);
    }
    CHECK(blocks_run({.seed = 1, .most_blocks = 4}) != blocks_run({.seed = 2, .most_blocks = 4}));
    CHECK(blocks_run({.most_blocks = blocks}).size() == blocks);
    CHECK(blocks_run({.most_blocks = blocks + 1}).size() == blocks);
}

TEST_CASE("what like blocks do is counted in proportion") {
    LaunchReport all, sample;
    blocks_run({.count_traffic = true}, &all);
    blocks_run({.count_traffic = true, .most_blocks = 4}, &sample);
    CHECK(all.blocks_run == blocks);
    CHECK(16 * sample.barriers == all.barriers);
#ifdef VITRINE_SIMT_HOOKS
    CHECK(16 * sample.shared_bytes_read == all.shared_bytes_read);
    CHECK(16 * sample.global_bytes_written == all.global_bytes_written);
    REQUIRE(sample.traffic.size() == all.traffic.size());
    for (size_t line = 0; line < all.traffic.size(); ++line) {
        CHECK(16 * sample.traffic[line].requests == all.traffic[line].requests);
        CHECK(16 * sample.traffic[line].passes == all.traffic[line].passes);
    }
#endif
}

TEST_CASE("who counts arrivals by atomic operations finds zeros after a sample") {
    const Buffer<int> settings(std::vector<int>{1}), out(size_t{8} * 64);
    const Buffer<unsigned> count(std::vector<unsigned>{0});
    const auto run = [&] { test::change_what_all_read(true, settings.data(), count.data(), out.data(), 8); };
    report_of(run, {.most_blocks = 1});
    CHECK(count.values().front() == 0);
    CHECK(settings.values().front() == 1);
    report_of(run);
    CHECK(count.values().front() > 0);
}
