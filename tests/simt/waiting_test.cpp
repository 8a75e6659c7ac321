// Threads that wait for what never comes: every case is reported, with its thread and line, and nothing
// hangs.

#include <doctest/doctest.h>

#include "tests/simt/defects.h"
#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

namespace {

/// The launch has findings of exactly this kind, in every order, and the first says `message`.
void expect(FindingKind kind, void (*run)(), const std::string& message) {
    for (const Order order : {Order::ascending, Order::descending, Order::shuffled}) {
        const LaunchReport report = report_of(run, {.order = order, .seed = 5});
        REQUIRE_FALSE(report.findings.empty());
        for (const Finding& finding : report.findings) CHECK(finding.kind == kind);
        const Finding& first = report.findings.front();
        CHECK(first.where.starts_with("tests/simt/defects.cu:"));
        CHECK_MESSAGE(first.message.find(message) != std::string::npos, first.message);
    }
}

}  // namespace

TEST_CASE("a barrier that not all threads reach") {
    expect(FindingKind::barrier_divergence, test::barrier_in_a_branch,
           "waits at __syncthreads, which 32 of 64 threads never reach: thread (1, 0, 0) has exited");
    expect(FindingKind::barrier_divergence, test::barriers_in_two_branches,
           "while thread (0, 0, 0) waits at");
    expect(FindingKind::barrier_divergence, test::barrier_of_another_kind,
           "waits at __syncthreads_or while thread (0, 0, 0) waits at __syncthreads");
}

TEST_CASE("threads that wait for each other") {
    expect(FindingKind::deadlock, test::barrier_against_shuffle,
           "waits in __shfl_sync with mask 0xffffffff for lane 0, which waits at __syncthreads");
    expect(FindingKind::deadlock, test::two_warp_operations,
           "waits in __shfl_sync with mask 0xffffffff for lane 16, which waits in __ballot_sync");
}

TEST_CASE("warp operations with lanes that do not take part") {
    expect(FindingKind::inactive_lane, test::shuffle_from_exited_lane, "reads lane 31 in __shfl_sync");
    expect(FindingKind::inactive_lane, test::shuffle_from_unnamed_lane, "reads lane 16 in __shfl_xor_sync");
    expect(FindingKind::inactive_lane, test::shuffle_by_unnamed_lane,
           "lane 16 calls __shfl_sync with mask 0x0000ffff, which does not name it");
    expect(FindingKind::inactive_lane, test::shuffle_in_small_block,
           "reads lane 16 in __shfl_down_sync with mask 0xffffffff, but that lane does not exist");
    expect(
        FindingKind::inactive_lane, [] { test::shuffle_of_width(12); }, "has width 12");
}

TEST_CASE("a finding is thrown as one sentence") {
    CHECK_THROWS_WITH_AS(
        test::barrier_in_a_branch(),
        doctest::Contains(
            "kernel barrier_in_a_branch_kernel: barrier divergence: block (0, 0, 0), thread (0, 0, 0) "
            "at tests/simt/defects.cu:"),
        Error);
    // The executor is as good as new.
    const Buffer<int> values(128);
    test::write_own(values.data());
    CHECK(values.values()[100] == 100);
}
