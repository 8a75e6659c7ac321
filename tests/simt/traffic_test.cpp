// The counters of sectors and bank conflicts, against what can be told with pencil and paper.

#include "tests/simt/traffic.h"

#include <doctest/doctest.h>

#include <numeric>

#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

#ifdef VITRINE_SIMT_HOOKS
namespace {

template <class F>
LaunchReport traffic_of(F&& run) {
    LaunchReport report = report_of(run, {.count_traffic = true});
    CHECK_MESSAGE(report.findings.empty(), shown_findings(report));
    return report;
}

/// All lines of one kind together.
LineTraffic total(const LaunchReport& report, bool shared, bool write) {
    LineTraffic sum;
    for (const LineTraffic& line : report.traffic) {
        if (line.shared != shared || line.write != write) continue;
        CHECK(line.where.starts_with("tests/simt/traffic.cu:"));
        sum.requests += line.requests;
        sum.bytes += line.bytes;
        sum.sectors += line.sectors;
        sum.ideal_sectors += line.ideal_sectors;
        sum.passes += line.passes;
        sum.ideal_passes += line.ideal_passes;
        sum.partial += line.partial;
    }
    return sum;
}

}  // namespace

TEST_CASE("sectors of a warp's request") {
    const Buffer<float> from(std::vector<float>(32 * 32, 1.0f));
    const Buffer<float> to(32);
    for (const auto& [stride, sectors] :
         {std::pair{1, 4}, std::pair{2, 8}, std::pair{4, 16}, std::pair{8, 32}, std::pair{32, 32}}) {
        const LaunchReport report =
            traffic_of([&] { test::copy_with_stride(from.data(), to.data(), stride); });
        const LineTraffic read = total(report, false, false);
        CHECK(read.requests == 1);
        CHECK(read.bytes == 128);
        CHECK(read.sectors == static_cast<uint64_t>(sectors));
        CHECK(read.ideal_sectors == 4);
        CHECK(total(report, false, true).sectors == 4);
    }
    const LaunchReport shifted = traffic_of([&] { test::copy_shifted(from.data(), to.data()); });
    CHECK(total(shifted, false, false).sectors == 5);
    const LaunchReport one = traffic_of([&] { test::read_one_by_all(from.data(), to.data()); });
    CHECK(total(one, false, false).sectors == 1);
    CHECK(total(one, false, false).ideal_sectors == 1);
}

TEST_CASE("distinct sectors are counted once in a launch") {
    const Buffer<float> from(std::vector<float>(32 * 32, 1.0f));
    const Buffer<float> to(6 * 32);
    const LaunchReport strided = traffic_of([&] { test::copy_with_stride(from.data(), to.data(), 8); });
    CHECK(strided.distinct_sectors_read == 32);
    CHECK(strided.distinct_sectors_written == 4);
    for (const int threads : {1, 4}) {
        const LaunchReport again = report_of([&] { test::read_again(from.data(), to.data(), 6, 3); },
                                             {.threads = threads, .count_traffic = true});
        CHECK(total(again, false, false).sectors == 6 * 3 * 4);  // by each of 6 blocks, 3 times
        CHECK(again.distinct_sectors_read == 4);
        CHECK(again.distinct_sectors_written == 6 * 4);
    }
    const Buffer<int> sum(std::vector<int>{0});
    const LaunchReport atomic = traffic_of([&] { test::add_all(sum.data()); });
    CHECK(atomic.distinct_sectors_read == 1);
    CHECK(atomic.distinct_sectors_written == 1);
}

TEST_CASE("fused multiply-adds are counted, with and without checks") {
    const Buffer<float> to(32);
    for (const bool check : {false, true}) {
        const LaunchReport report =
            report_of([&] { test::multiply_add_chain(to.data(), 7); }, {.check = check});
        CHECK(report.fused_multiply_adds == 32 * (7 + 7));  // floats and doubles
    }
}

TEST_CASE("bank conflicts of shared memory") {
    const Buffer<float> to(32);
    for (const auto& [stride, passes] :
         {std::pair{1, 1}, std::pair{2, 2}, std::pair{3, 1}, std::pair{16, 16}, std::pair{32, 32}}) {
        const LaunchReport report = traffic_of([&] { test::shared_with_stride(to.data(), stride); });
        for (const bool write : {false, true}) {
            CHECK(total(report, true, write).requests == 1);
            CHECK(total(report, true, write).passes == static_cast<uint64_t>(passes));
            CHECK(total(report, true, write).ideal_passes == 1);
        }
    }
}

TEST_CASE("wide requests to shared memory are served in parts, without conflicts") {
    const Buffer<float> to(32);
    const LaunchReport report = traffic_of([&] { test::shared_wide(to.data()); });
    CHECK(total(report, true, true).requests == 1);
    CHECK(total(report, true, true).passes == 4);
    CHECK(total(report, true, true).ideal_passes == 4);
    CHECK(total(report, true, false).requests == 2);  // a broadcast in one pass, pairs in two
    CHECK(total(report, true, false).passes == 3);
    CHECK(total(report, true, false).ideal_passes == 3);
}

TEST_CASE("padding removes a transpose's bank conflicts") {
    std::vector<float> values(1024);
    std::iota(values.begin(), values.end(), 0.0f);
    const Buffer<float> from(values);
    const Buffer<float> to(1024);
    for (const bool padded : {false, true}) {
        const LaunchReport report = traffic_of([&] { test::transpose(from.data(), to.data(), padded); });
        CHECK(to.values()[1] == 32.0f);
        CHECK(total(report, true, false).requests == 32);
        CHECK(total(report, true, false).passes == (padded ? 32 : 1024));
        CHECK(total(report, true, true).passes == 32);
        CHECK(total(report, false, false).sectors == 128);
        CHECK(total(report, false, true).sectors == 128);
    }
}

TEST_CASE("divergence shows as requests that not all lanes take part in") {
    const Buffer<float> from(std::vector<float>(32 * 32, 1.0f));
    const Buffer<float> to(32);
    const LaunchReport half = traffic_of([&] { test::read_partly(from.data(), to.data(), 16); });
    CHECK(total(half, false, false).partial == 1);
    CHECK(total(half, false, false).sectors == 2);
    const LaunchReport whole = traffic_of([&] { test::read_partly(from.data(), to.data(), 32); });
    CHECK(total(whole, false, false).partial == 0);
    const LaunchReport triangle = traffic_of([&] { test::read_triangle(from.data(), to.data()); });
    CHECK(total(triangle, false, false).requests == 32);
    CHECK(total(triangle, false, false).partial == 31);
    CHECK(total(triangle, false, false).bytes == 4 * 32 * 33 / 2);
}

TEST_CASE("traffic does not depend on the order or on the number of OS threads") {
    std::vector<float> values(1024, 1.0f);
    const Buffer<float> from(values);
    const Buffer<float> to(1024);
    const auto count = [&](const Settings& settings) {
        Settings with_traffic = settings;
        with_traffic.count_traffic = true;
        return total(report_of([&] { test::transpose(from.data(), to.data(), false); }, with_traffic), true,
                     false)
            .passes;
    };
    CHECK(count({.order = Order::descending}) == 1024);
    CHECK(count({.threads = 1, .order = Order::shuffled, .seed = 9}) == 1024);
}
#endif
