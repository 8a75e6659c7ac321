// Accesses through helpers: the counts belong to the kernel's own line, a finding names both.

#include "tests/simt/places.h"

#include <doctest/doctest.h>

#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

#ifdef VITRINE_SIMT_HOOKS
namespace {

/// The places of one kind of access, in the report's order, with commas.
std::string places(const LaunchReport& report, bool shared, bool write) {
    std::string found;
    for (const LineTraffic& line : report.traffic) {
        if (line.shared == shared && line.write == write) found += (found.empty() ? "" : ", ") + line.where;
    }
    return found;
}

}  // namespace

TEST_CASE("what a helper reads and writes is counted at the kernel's line, with the way to it") {
    const Buffer<float> from(std::vector<float>(32, 1.0f));
    const Buffer<float> to(32);
    const LaunchReport report =
        report_of([&] { test::copy_through_helpers(from.data(), to.data()); }, {.count_traffic = true});
    const test::Ways ways = test::ways();
    CHECK(places(report, false, false) == ways.read);
    CHECK(places(report, false, true) == ways.write);
    CHECK(places(report, true, true) == ways.own);
}

TEST_CASE("of a kernel that a header holds, the line is the header's") {
    const Buffer<float> from(std::vector<float>(32, 1.0f));
    const Buffer<float> to(32);
    const LaunchReport report =
        report_of([&] { test::copy_by_header(from.data(), to.data()); }, {.count_traffic = true});
    CHECK(places(report, false, false) == test::way_in_header());
}

TEST_CASE("a finding keeps the exact line, and names who called") {
    const Buffer<float> to(1);
    const LaunchReport report = report_of([&] { test::race_through_helper(to.data()); });
    REQUIRE(report.findings.size() == 1);
    CHECK(report.findings.front().kind == FindingKind::global_race);
    CHECK(report.findings.front().where == test::ways().write_line);
    CHECK(describe(report).find("at " + test::ways().write_line + " writes 4 bytes") != std::string::npos);
}
#endif
