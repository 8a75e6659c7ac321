// A launch that takes long is shared out among OS threads: the same results, and races between their blocks
// are found.

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/simt/costs.h"
#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

namespace {

constexpr unsigned blocks = 48;
constexpr int count = 60;

struct Counting {
    Buffer<int> values{std::vector<int>(blocks * 128, 0)};
    Buffer<size_t> places{blocks};

    LaunchReport run(bool racing, const Settings& settings) {
        zero(values.data(), blocks * 128 * sizeof(int));
        return report_of([&] { test::count_long(values.data(), places.data(), blocks, count, racing); },
                         settings);
    }
    size_t os_threads() const {
        const std::vector<size_t> seen = places.values();
        return std::set<size_t>(seen.begin(), seen.end()).size();
    }
};

/// Runs until more than one OS thread had a part: where the processor is busy, the others may come too late.
template <class F>
void until_shared(Counting& counting, F&& run) {
    for (int attempt = 0; attempt < 50; ++attempt) {
        run();
        if (counting.os_threads() > 1) return;
    }
    FAIL("no launch was shared out");
}

}  // namespace

TEST_CASE("a long launch is shared out, and nothing else changes") {
    Counting counting;
    const std::vector<int> expected(blocks * 128, count);
    for (const bool check : {true, false}) {
        until_shared(counting, [&] {
            const LaunchReport report = counting.run(false, {.threads = 3, .check = check});
            CHECK_MESSAGE(report.findings.empty(), shown_findings(report));
            CHECK(counting.values.values() == expected);
            CHECK(report.barriers == blocks * count * 2);
        });
    }
    counting.run(false, {.threads = 1});
    CHECK(counting.os_threads() == 1);
    CHECK(counting.values.values() == expected);
}

#ifdef VITRINE_SIMT_HOOKS
TEST_CASE("blocks of several OS threads race like those of one") {
    Counting counting;
    until_shared(counting, [&] {
        const LaunchReport report = counting.run(true, {.threads = 3});
        CHECK(std::ranges::any_of(report.findings, [](const Finding& finding) {
            return finding.kind == FindingKind::global_race;
        }));
        CHECK(std::ranges::all_of(report.findings, [](const Finding& finding) {
            return finding.kind == FindingKind::global_race;
        }));
    });
}

TEST_CASE("what is counted does not depend on the number of OS threads") {
    Counting counting;
    const LaunchReport alone = counting.run(false, {.threads = 1, .count_traffic = true});
    until_shared(counting, [&] {
        const LaunchReport shared = counting.run(false, {.threads = 3, .count_traffic = true});
        CHECK(shared.global_bytes_read == alone.global_bytes_read);
        CHECK(shared.global_bytes_written == alone.global_bytes_written);
        CHECK(shared.shared_bytes_read == alone.shared_bytes_read);
        CHECK(shared.shared_bytes_written == alone.shared_bytes_written);
        CHECK(shared.distinct_sectors_read == alone.distinct_sectors_read);
        CHECK(shared.distinct_sectors_written == alone.distinct_sectors_written);
        CHECK(shared.static_shared_bytes == alone.static_shared_bytes);
        REQUIRE(shared.traffic.size() == alone.traffic.size());
        for (size_t i = 0; i < alone.traffic.size(); ++i) {
            CHECK(shared.traffic[i].where == alone.traffic[i].where);
            CHECK(shared.traffic[i].requests == alone.traffic[i].requests);
            CHECK(shared.traffic[i].sectors == alone.traffic[i].sectors);
            CHECK(shared.traffic[i].passes == alone.traffic[i].passes);
        }
    });
}
#endif
