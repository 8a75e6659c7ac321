// Fences and atomics order blocks, and nothing less does.

#include "tests/simt/fences.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;
using test::Handover;
using test::LastBlock;
using test::LastWarp;
using test::Lock;
using test::Writers;

namespace {

/// A sum by the last block, of `blocks` · 64 ones.
struct Sum {
    explicit Sum(unsigned how_many)
        : blocks(how_many), ones(std::vector<int>(how_many * 64, 1)), partials(how_many), count(how_many) {
        clear();
    }
    void clear() {
        zero(count.data(), blocks * sizeof(unsigned));
        zero(total.data(), sizeof(int));
    }

    unsigned blocks;
    Buffer<int> ones;
    Buffer<int> partials;
    Buffer<unsigned> count;
    Buffer<int> total{1};
};

}  // namespace

TEST_CASE("the last block to finish sees what the others fenced") {
    for (const unsigned blocks : {1u, 2u, 100u, 1500u}) {
        Sum sum(blocks);
        for (const LastBlock how : {LastBlock::sample, LastBlock::fenced_by_counter,
                                    LastBlock::fence_and_barrier, LastBlock::by_exchange}) {
            CAPTURE(blocks);
            CAPTURE(static_cast<int>(how));
            expect_none([&] {
                test::sum_by_last_block(how, sum.ones.data(), sum.partials.data(), sum.count.data(),
                                        sum.total.data(), blocks);
                CHECK(sum.total.values()[0] == static_cast<int>(blocks) * 64);
                CHECK(sum.count.values()[0] == 0);
            });
        }
    }
}

TEST_CASE("a fence carries what its thread knows by barriers and __syncwarp") {
    Sum sum(40);
    for (const Writers how :
         {Writers::each_itself, Writers::thread_0_after_barrier, Writers::lane_0_after_syncwarp}) {
        CAPTURE(static_cast<int>(how));
        expect_none([&] {
            sum.clear();
            test::sum_of_all_writers(how, sum.ones.data(), sum.count.data(), sum.total.data(), sum.blocks);
            CHECK(sum.total.values()[0] == 40 * 64);
        });
    }
}

TEST_CASE("fences of a block order its threads") {
    const Buffer<unsigned> counts(4);
    const Buffer<int> left(16), totals(4);
    for (const LastWarp how :
         {LastWarp::fence_of_block, LastWarp::fence_of_device, LastWarp::in_global_memory}) {
        CAPTURE(static_cast<int>(how));
        expect_none([&] {
            zero(counts.data(), 4 * sizeof(unsigned));
            test::sum_by_last_warp_of_block(how, counts.data(), left.data(), totals.data());
            CHECK(totals.values() == std::vector<int>(4, 4));
        });
    }
}

TEST_CASE("a value is handed over from block to block") {
    const Buffer<int> value(1), flags(2), out(1);
    for (const Handover how : {Handover::fences, Handover::through_a_third}) {
        CAPTURE(static_cast<int>(how));
        expect_none([&] {
            zero(flags.data(), 2 * sizeof(int));
            test::hand_over(how, value.data(), flags.data(), out.data());
        });
        const SettingsScope scope({});
        zero(flags.data(), 2 * sizeof(int));
        test::hand_over(how, value.data(), flags.data(), out.data());
        CHECK(out.values()[0] == 42);
    }
}

TEST_CASE("what is done under a lock is ordered by its fences") {
    const Buffer<int> lock(std::vector<int>{0}), sum(1);
    expect_none([&] {
        zero(sum.data(), sizeof(int));
        test::add_under_lock(Lock::both_fences, lock.data(), sum.data(), 20);
        CHECK(sum.values()[0] == 20 * 64);
    });
}

TEST_CASE("what all blocks have read or added to is the last one's") {
    constexpr unsigned blocks = 30;
    const Buffer<int> word(1), out(blocks * 64);
    const Buffer<unsigned> count(1);
    expect_none([&] {
        zero(count.data(), sizeof(unsigned));
        test::change_what_all_read(true, word.data(), count.data(), out.data(), blocks);
        CHECK(word.values()[0] == 2);
    });
    expect_none([&] {
        zero(count.data(), sizeof(unsigned));
        zero(word.data(), sizeof(int));
        test::read_what_all_added(true, word.data(), count.data(), out.data(), blocks);
        CHECK(out.values()[0] == blocks * 64);
    });
}

TEST_CASE("__device__ variables are global memory") {
    const Buffer<int> total(1);
    expect_none([&] {
        test::sum_in_variables(true, total.data());
        CHECK(total.values()[0] == 16);
    });
}

#ifdef VITRINE_SIMT_HOOKS
namespace {

bool has_race(const LaunchReport& report) {
    return std::ranges::any_of(report.findings, [](const Finding& finding) {
        const bool race =
            finding.kind == FindingKind::global_race || finding.kind == FindingKind::shared_race;
        return race && (finding.where.starts_with("tests/simt/fences.cu:") ||
                        finding.where.starts_with("tests/simt/handover.cu:"));
    });
}

template <class F>
void expect_race(F&& run) {
    for (const Settings& settings : all_orders) {
        const LaunchReport report = report_of(run, settings);
        CHECK_MESSAGE(has_race(report), "nothing found: ", shown_findings(report));
    }
}

}  // namespace

TEST_CASE("each thing that the last block needs is missed") {
    for (const unsigned blocks : {2u, 100u}) {
        Sum sum(blocks);
        for (const LastBlock how :
             {LastBlock::no_fence, LastBlock::no_barrier, LastBlock::fence_after_counter,
              LastBlock::fence_of_block, LastBlock::fence_of_another, LastBlock::write_after_fence,
              LastBlock::own_counter, LastBlock::not_the_last, LastBlock::plain_counter,
              LastBlock::early_read}) {
            CAPTURE(blocks);
            CAPTURE(static_cast<int>(how));
            expect_race([&] {
                sum.clear();
                test::sum_by_last_block(how, sum.ones.data(), sum.partials.data(), sum.count.data(),
                                        sum.total.data(), blocks);
            });
        }
    }
}

TEST_CASE("a fence carries nothing of other threads that no barrier has handed to its own") {
    Sum sum(40);
    for (const Writers how : {Writers::thread_0_without_barrier, Writers::thread_0_before_barrier,
                              Writers::lane_0_without_syncwarp}) {
        CAPTURE(static_cast<int>(how));
        expect_race([&] {
            sum.clear();
            test::sum_of_all_writers(how, sum.ones.data(), sum.count.data(), sum.total.data(), sum.blocks);
        });
    }
}

TEST_CASE("the last warp of a block needs fences too, and those of a block order no other") {
    const Buffer<unsigned> counts(4);
    const Buffer<int> left(16), totals(4);
    for (const LastWarp how : {LastWarp::no_fence, LastWarp::no_second_fence, LastWarp::counter_of_all}) {
        CAPTURE(static_cast<int>(how));
        expect_race([&] {
            zero(counts.data(), 4 * sizeof(unsigned));
            test::sum_by_last_warp_of_block(how, counts.data(), left.data(), totals.data());
        });
    }
}

TEST_CASE("a hand-over without one of its fences, or without an atomic, is a race") {
    const Buffer<int> value(1), flags(2), out(1);
    for (const Handover how :
         {Handover::fences_and_shuffle, Handover::no_release, Handover::no_acquire, Handover::plain_flag,
          Handover::volatile_flag, Handover::relaxed, Handover::written_over}) {
        CAPTURE(static_cast<int>(how));
        // In another order block 1 finds no flag and takes nothing.
        const LaunchReport report = report_of([&] {
            zero(flags.data(), 2 * sizeof(int));
            test::hand_over(how, value.data(), flags.data(), out.data());
        });
        CHECK_MESSAGE(has_race(report), "nothing found: ", shown_findings(report));
    }
}

TEST_CASE("a lock without one of its fences orders nothing") {
    const Buffer<int> lock(std::vector<int>{0}), sum(1);
    for (const Lock how : {Lock::after_taking_it, Lock::before_leaving_it, Lock::none}) {
        CAPTURE(static_cast<int>(how));
        expect_race([&] { test::add_under_lock(how, lock.data(), sum.data(), 20); });
    }
}

TEST_CASE("a compare-and-swap that finds another value releases nothing") {
    const Buffer<int> value(1), flag(1), out(1);
    const LaunchReport swapped =
        report_of([&] { test::hand_over_by_exchange(value.data(), flag.data(), 0, out.data()); });
    CHECK_MESSAGE(swapped.findings.empty(), shown_findings(swapped));
    const LaunchReport failed =
        report_of([&] { test::hand_over_by_exchange(value.data(), flag.data(), 7, out.data()); });
    CHECK(has_race(failed));
}

TEST_CASE("without fences, what all blocks have read or added to stays theirs") {
    constexpr unsigned blocks = 30;
    const Buffer<int> word(1), out(blocks * 64);
    const Buffer<unsigned> count(1);
    expect_race([&] {
        zero(count.data(), sizeof(unsigned));
        test::change_what_all_read(false, word.data(), count.data(), out.data(), blocks);
    });
    expect_race([&] {
        zero(count.data(), sizeof(unsigned));
        test::read_what_all_added(false, word.data(), count.data(), out.data(), blocks);
    });
}

TEST_CASE("a race in a __device__ variable names it") {
    const Buffer<int> total(1);
    const LaunchReport report = report_of([&] { test::sum_in_variables(false, total.data()); });
    REQUIRE(has_race(report));
    CHECK_MESSAGE(report.findings[0].message.find("variable partial_sums") != std::string::npos,
                  shown_findings(report));
}

TEST_CASE("a thread that waits for ever ends its block") {
    const Buffer<int> flags(std::vector<int>(32, 0));
    for (const int how : {0, 1, 2, 3}) {
        CAPTURE(how);
        const LaunchReport report =
            report_of([&] { test::wait_for_ever(how, flags.data()); }, {.threads = 1});
        REQUIRE_MESSAGE(report.findings.size() == 1, shown_findings(report));
        CHECK(report.findings[0].kind == FindingKind::deadlock);
        CHECK(report.findings[0].times == 2);
    }
    const Buffer<int> out(64);
    const LaunchReport report = report_of([&] { test::look_often(flags.data(), out.data()); });
    CHECK_MESSAGE(report.findings.empty(), shown_findings(report));
}
#endif
