// The record of one block: what it holds adds up to what is counted, in the order in which it happened.

#include "kernels/simt/record.h"

#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <map>
#include <numeric>
#include <tuple>

#include "tests/simt/cuda_compat.h"
#include "tests/simt/defects.h"
#include "tests/simt/gemm.h"
#include "tests/simt/support.h"
#include "tests/simt/traffic.h"

using namespace vitrine;
using namespace vitrine::simt;

#ifdef VITRINE_SIMT_HOOKS
namespace {

struct Recorded {
    LaunchReport report;
    BlockRecord record;
};

/// Of the one launch that f makes.
template <class F>
Recorded recorded(F&& f, const RecordRequest& request = {}) {
    record_block(request);
    LaunchReport report = report_of(f, {.count_traffic = true});
    std::optional<BlockRecord> record = take_record();
    REQUIRE(record.has_value());
    return {std::move(report), std::move(*record)};
}

/// The events as the report would have them: sums for each line and kind of memory.
using Sums = std::map<std::tuple<std::string, bool, bool>, std::vector<uint64_t>>;

Sums sums_of(const BlockRecord& record) {
    Sums sums;
    for (const RecordedEvent& event : record.events) {
        if (!event.is_request()) continue;
        const auto lanes = static_cast<uint64_t>(__builtin_popcount(event.lanes));
        std::vector<uint64_t>& sum =
            sums[{record.lines[event.line], event.shared, event.kind != RecordedKind::read}];
        sum.resize(7);
        const uint64_t cost[] = {1,
                                 lanes * event.bytes,
                                 event.cost.sectors,
                                 event.cost.ideal_sectors,
                                 event.cost.passes,
                                 event.cost.ideal_passes,
                                 event.lanes != event.of_lanes};
        for (size_t i = 0; i < 7; ++i) sum[i] += cost[i];
    }
    return sums;
}

Sums sums_of(const LaunchReport& report) {
    Sums sums;
    for (const LineTraffic& line : report.traffic) {
        sums[{line.where, line.shared, line.write}] = {line.requests,      line.bytes,  line.sectors,
                                                       line.ideal_sectors, line.passes, line.ideal_passes,
                                                       line.partial};
    }
    return sums;
}

float as_float(uint32_t word) {
    float value = 0.0f;
    std::memcpy(&value, &word, sizeof(value));
    return value;
}

std::vector<float> ascending(size_t count) {
    std::vector<float> values(count);
    std::iota(values.begin(), values.end(), 0.0f);
    return values;
}

}  // namespace

TEST_CASE("record: the events of a one-block launch add up to its report") {
    const Buffer<float> a(ascending(32 * 32));
    const Buffer<float> b(ascending(32 * 32));
    const Buffer<float> c(32 * 32);
    const Buffer<int> number(std::vector<int>{0});
    const std::vector<std::function<void()>> launches{
        [&] { test::copy_with_stride(a.data(), c.data(), 8); },
        [&] { test::copy_shifted(a.data(), c.data()); },
        [&] { test::add_all(number.data()); },
        [&] { test::shared_with_stride(c.data(), 4); },
        [&] { test::shared_wide(c.data()); },
        [&] { test::transpose(a.data(), c.data(), false); },
        [&] { test::read_partly(a.data(), c.data(), 7); },
        [&] { test::read_triangle(a.data(), c.data()); },
        [&] { test::gemm(a.data(), b.data(), c.data(), 13, 11, 40); },
        [&] { test::block_sums(a.data(), c.data(), 1, 96); },
    };
    for (const auto& run : launches) {
        const auto& [report, record] = recorded(run);
        INFO(report.kernel);
        CHECK(record.kernel == report.kernel);
        CHECK(sums_of(record) == sums_of(report));
        CHECK(!record.events.empty());
        CHECK(record.left_out == 0);
        CHECK(record.intervals.size() == report.barriers + 1);
        uint64_t multiply_adds = 0;
        for (const RecordedInterval& interval : record.intervals) {
            multiply_adds += interval.fused_multiply_adds;
        }
        CHECK(multiply_adds == report.fused_multiply_adds);
    }
}

TEST_CASE("record: a request's addresses and values, read and written") {
    const Buffer<float> from(ascending(64));
    const Buffer<float> to(32);
    const auto [report, record] = recorded([&] { test::copy_with_stride(from.data(), to.data(), 2); });
    REQUIRE(record.events.size() == 2);
    REQUIRE(record.memory.size() == 2);
    const RecordedEvent& read = record.events[0];
    const RecordedEvent& write = record.events[1];
    CHECK(read.kind == RecordedKind::read);
    CHECK(write.kind == RecordedKind::write);
    CHECK(read.lanes == ~0u);
    for (uint32_t lane = 0; lane < 32; ++lane) {
        CHECK(read.by_lane[lane].address == reinterpret_cast<uintptr_t>(from.data() + 2 * lane));
        CHECK(as_float(read.by_lane[lane].words[0]) == 2.0f * static_cast<float>(lane));
        CHECK(write.by_lane[lane].address == reinterpret_cast<uintptr_t>(to.data() + lane));
        CHECK(as_float(write.by_lane[lane].words[0]) == 2.0f * static_cast<float>(lane));
    }
    CHECK(record.memory[0].address == reinterpret_cast<uintptr_t>(from.data()));
    CHECK(record.memory[0].bytes == 64 * sizeof(float));
}

TEST_CASE("record: what atomics leave behind") {
    const Buffer<int> sum(std::vector<int>{5});
    const auto [report, record] = recorded([&] { test::add_all(sum.data()); });
    REQUIRE(record.events.size() == 1);
    CHECK(record.events[0].kind == RecordedKind::atomic);
    for (uint32_t lane = 0; lane < 32; ++lane) CHECK(record.events[0].by_lane[lane].words[0] == 6 + lane);
}

TEST_CASE("record: shuffles, where each value comes from") {
    const Buffer<int> out(128);
    const auto [report, record] = recorded([&] { test::shuffles(out.data(), 3, 16); });
    std::vector<const RecordedEvent*> shuffles;
    for (const RecordedEvent& event : record.events) {
        if (event.kind == RecordedKind::shuffle) shuffles.push_back(&event);
    }
    REQUIRE(shuffles.size() == 4);
    const std::vector<int> values = out.values();
    for (size_t kind = 0; kind < 4; ++kind) {
        for (uint32_t lane = 0; lane < 32; ++lane) {
            const RecordedLane& mine = shuffles[kind]->by_lane[lane];
            CHECK(static_cast<int>(mine.words[0]) == values[kind * 32 + lane]);
            CHECK(mine.words[0] == 100u + mine.source);
        }
    }
    CHECK(shuffles[1]->by_lane[5].source == 2);
    // Each shuffle's result is written behind it.
    for (size_t i = 0; i + 1 < record.events.size(); i += 2) {
        CHECK(record.events[i].kind == RecordedKind::shuffle);
        CHECK(record.events[i + 1].kind == RecordedKind::write);
    }
}

TEST_CASE("record: a finding comes right after the access that showed it") {
    const Buffer<float> a(ascending(16 * 32));
    const Buffer<float> c(16 * 16);
    const auto [report, record] =
        recorded([&] { test::gemm_without_barrier(1, a.data(), a.data(), c.data(), 16, 16, 32); });
    REQUIRE(!record.findings.empty());
    CHECK(record.findings.size() == report.findings.size());
    CHECK(record.findings[0].kind == "race in shared memory");
    CHECK(record.findings[0].message == report.findings[0].message);
    size_t events = 0;
    for (size_t i = 0; i < record.events.size(); ++i) {
        const RecordedEvent& event = record.events[i];
        if (event.kind != RecordedKind::finding) continue;
        ++events;
        REQUIRE(i > 0);
        CHECK(record.lines[event.line] == record.findings[event.finding].where);
        CHECK(record.events[i - 1].line == event.line);
        CHECK(record.events[i - 1].shared);
        CHECK((record.events[i - 1].lanes & event.lanes) == event.lanes);
    }
    CHECK(events == record.findings.size());
}

TEST_CASE("record: of one block and one launch, or nothing") {
    const Buffer<float> from(ascending(32));
    const Buffer<float> to(6 * 32);
    const auto run = [&] { test::read_again(from.data(), to.data(), 6, 2); };
    const auto [report, record] = recorded(run, {.block = {4, 0, 0}});
    CHECK(record.intervals.size() == 3);
    CHECK(record.events.back().by_lane[0].address == reinterpret_cast<uintptr_t>(to.data() + 4 * 32));

    record_block({.block = {6, 0, 0}});
    run();
    CHECK(!take_record().has_value());

    record_block({.launch = 1});
    run();
    test::copy_shifted(from.data() - 1, to.data());
    run();
    CHECK(take_record().value().kernel == "copy_shifted_kernel");
    run();
    CHECK(!take_record().has_value());
}

TEST_CASE("record: no more events than were asked for, and how much is missing") {
    const Buffer<float> from(ascending(32 * 32));
    const Buffer<float> to(32);
    const auto [report, record] =
        recorded([&] { test::read_triangle(from.data(), to.data()); }, {.most_events = 10});
    CHECK(record.events.size() == 10);
    // Lane 0 reads once and writes, which are the first two; then each lane reads once more than the one before.
    CHECK(record.left_out == 32 * 33 / 2 - (32 * 9 - 36));
}
#endif
