// Data races, and what only looks like one.

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/simt/defects.h"
#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

#ifdef VITRINE_SIMT_HOOKS
namespace {

/// Depending on the order a race may also show as a read of what is not written yet.
template <class F>
void expect_race(FindingKind kind, F&& run) {
    for (const Settings& settings : all_orders) {
        const LaunchReport report = report_of(run, settings);
        CHECK_MESSAGE(std::ranges::any_of(report.findings,
                                          [&](const Finding& finding) {
                                              return finding.kind == kind &&
                                                     finding.where.starts_with("tests/simt/defects.cu:");
                                          }),
                      shown_findings(report));
    }
}

}  // namespace

TEST_CASE("a block barrier orders shared memory") {
    const Buffer<int> values(std::vector<int>(64, 1));
    expect_none([&] { test::reverse_by_block(values.data(), true); });
    expect_race(FindingKind::shared_race, [&] { test::reverse_by_block(values.data(), false); });
}

TEST_CASE("__syncwarp orders its lanes; a shuffle orders nothing") {
    const Buffer<int> values(std::vector<int>(32, 1));
    expect_none([&] { test::reverse_by_warp(values.data(), 0); });
    expect_race(FindingKind::shared_race, [&] { test::reverse_by_warp(values.data(), 1); });
    expect_race(FindingKind::shared_race, [&] { test::reverse_by_warp(values.data(), 2); });
    const Buffer<int> out(32);
    expect_none([&] { test::write_after_reads(out.data(), true); });
    expect_race(FindingKind::shared_race, [&] { test::write_after_reads(out.data(), false); });
}

TEST_CASE("atomics do not race with each other, but with plain accesses") {
    const Buffer<int> out(1);
    expect_none([&] { test::count_in_shared(out.data(), true, true); });
    CHECK(out.values()[0] == 64);
    expect_race(FindingKind::shared_race, [&] { test::count_in_shared(out.data(), true, false); });
    expect_race(FindingKind::shared_race, [&] { test::count_in_shared(out.data(), false, true); });
    const Buffer<int> total(std::vector<int>{0});
    expect_none([&] { test::add_to_one(total.data(), true); });
    expect_race(FindingKind::global_race, [&] { test::add_to_one(total.data(), false); });
}

TEST_CASE("blocks are never ordered") {
    const Buffer<int> values(std::vector<int>(129, 0));
    const Buffer<int> from(std::vector<int>{7});
    expect_none([&] { test::write_own(values.data()); });
    expect_none([&] { test::read_all_write_own(from.data(), values.data()); });
    expect_race(FindingKind::global_race, [&] { test::write_same(values.data()); });
    expect_race(FindingKind::global_race, [&] { test::read_neighbour(values.data()); });
}

TEST_CASE("launches are ordered") {
    const Buffer<int> values(std::vector<int>(128, 0));
    const SettingsScope scope({});
    const Buffer<int> copies(128);
    test::write_own(values.data());
    test::read_all_write_own(values.data(), copies.data());
    CHECK(copies.values()[127] == 0);
}

TEST_CASE("a race names both threads and both lines") {
    const Buffer<int> values(std::vector<int>(64, 1));
    const LaunchReport report = report_of([&] { test::reverse_by_block(values.data(), false); });
    const auto race = std::ranges::find(report.findings, FindingKind::shared_race, &Finding::kind);
    REQUIRE(race != report.findings.end());
    const std::string& message = race->message;
    CHECK_MESSAGE(message.find("of shared variable turned, which thread (") != std::string::npos, message);
    CHECK_MESSAGE(message.find("accesses at tests/simt/defects.cu:") != std::string::npos, message);
}
#endif
