// The device's memory: apart from the host's, and every access outside of it reported.

#include "kernels/simt/memory.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>

#include "tests/simt/defects.h"
#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

namespace {

#ifdef VITRINE_SIMT_HOOKS
template <class F>
void expect(FindingKind kind, F&& run, const std::string& message, const uint3& thread = {0, 0, 0}) {
    const LaunchReport report = report_of(run);
    REQUIRE_FALSE(report.findings.empty());
    const Finding& first = report.findings.front();
    CHECK(first.kind == kind);
    CHECK_MESSAGE(first.message.find(message) != std::string::npos, first.message);
    CHECK_MESSAGE(first.where.starts_with("tests/simt/defects.cu:"), first.where);
    CHECK(first.thread.x == thread.x);
}
#endif

}  // namespace

TEST_CASE("buffers are aligned, poisoned, copied and zeroed") {
    const Buffer<float> one(3);
    const Buffer<float> other(std::vector<float>{1, 2, 3});
    CHECK(reinterpret_cast<uintptr_t>(one.data()) % 256 == 0);
    CHECK(std::isnan(one.values()[2]));
    copy(one.data(), other.data(), 2 * sizeof(float));
    CHECK(one.values()[1] == 2.0f);
    CHECK(std::isnan(one.values()[2]));
    zero(one.data(), 3 * sizeof(float));
    CHECK(one.values() == std::vector<float>{0, 0, 0});
    release(nullptr);
    release(allocate(0));
}

TEST_CASE("copies outside of a buffer are refused") {
    const Buffer<float> device(4);
    float host[5] = {};
    CHECK_THROWS_AS(copy_from_host(device.data(), host, 20), Error);
    CHECK_THROWS_AS(copy_to_host(host, device.data() + 1, 16), Error);
    CHECK_THROWS_AS(copy(device.data(), host, 4), Error);
    CHECK_THROWS_AS(zero(host, 4), Error);
    CHECK_THROWS_AS(release(device.data() + 1), std::logic_error);
}

TEST_CASE("memory that does not exist is refused with numbers") {
    CHECK_THROWS_WITH_AS(allocate(size_t{1} << 50),
                         doctest::Contains("1125899906842624 bytes were asked for"), Error);
}

TEST_CASE("released memory is used again") {
    void* first = allocate(1000);
    void* second = allocate(1000);
    release(first);
    void* third = allocate(900);
    CHECK(third == first);
    release(second);
    release(third);
    void* large = allocate(2000);
    CHECK(large == first);
    release(large);
}

#ifdef VITRINE_SIMT_HOOKS
TEST_CASE("accesses out of bounds, by one and by far") {
    const Buffer<float> values(40);
    expect(FindingKind::out_of_bounds, [&] { test::write_past_end(values.data(), 40); },
           "writes 4 bytes, 0 bytes past the end of a buffer of 160 bytes", {40, 0, 0});
    expect(
        FindingKind::out_of_bounds, [&] { test::read_before_beginning(values.data()); },
        "reads 4 bytes, 4 bytes before the beginning of a buffer of 160 bytes");
    expect(
        FindingKind::out_of_bounds, [&] { test::write_far_away(values.data()); }, "bytes past the end");
    expect(
        FindingKind::misaligned, [&] { test::write_misaligned(values.data()); }, "not a multiple of 8");
}

TEST_CASE("memory that is not the device's") {
    float on_host = 0;
    expect(
        FindingKind::host_memory, [&] { test::write_through(&on_host); }, "a pointer into the host's memory");
    expect(
        FindingKind::host_memory, [&] { test::write_through(nullptr); }, "a pointer into the host's memory");
    CHECK(on_host == 0.0f);
    auto* released = static_cast<float*>(allocate(4));
    release(released);
    expect(
        FindingKind::out_of_bounds, [&] { test::write_through(released); }, "writes 4 bytes");
}

TEST_CASE("dynamic shared memory out of bounds") {
    CHECK(report_of([] { test::overrun_dynamic_shared(63); }).findings.empty());
    expect(
        FindingKind::out_of_bounds, [] { test::overrun_dynamic_shared(64); },
        "byte 256 of dynamic shared memory, which has 256");
}

TEST_CASE("a block has 48 KiB of shared memory, static and dynamic together") {
    const LaunchReport fits = report_of([] { test::use_shared_memory(48 * 1024 - 40000); });
    CHECK_MESSAGE(fits.findings.empty(), shown_findings(fits));
    CHECK(fits.static_shared_bytes == 40000);
    CHECK(fits.shared_bytes == 48 * 1024 - 40000);
    // A kernel's own is known before it starts, whether it is used or not.
    CHECK_THROWS_WITH_AS(
        test::use_shared_memory(48 * 1024 - 40000 + 4),
        "launch of use_shared_memory_kernel refused: a block has 40000 bytes of static and 9156 "
        "of dynamic shared memory, and 49152 in all are allowed",
        Error);
    test::have_shared_memory(9152);
    CHECK_THROWS_WITH_AS(test::have_shared_memory(9156), doctest::Contains("40000 bytes of static"), Error);
    // That of other functions, when it is used.
    test::use_shared_memory_of_function(9152);
    CHECK_THROWS_WITH_AS(
        test::use_shared_memory_of_function(9156),
        "kernel use_shared_memory_of_function_kernel: too much shared memory: a block has 40000 "
        "bytes of static and 9156 of dynamic shared memory, and 49152 in all are allowed",
        Error);
}

TEST_CASE("shared memory that no thread has written") {
    const Buffer<float> out(32);
    for (const bool dynamic : {false, true}) {
        expect(FindingKind::uninitialised_shared, [&] { test::read_uninitialised(dynamic, 7, out.data()); },
               "which no thread of this block has written", {7, 0, 0});
        CHECK(std::isnan(out.values()[7]));
        CHECK(report_of([&] { test::read_uninitialised(dynamic, 32, out.data()); }).findings.empty());
    }
}

TEST_CASE("what another block left in shared memory is not there") {
    const Buffer<float> out(4);
    const LaunchReport report = report_of([&] { test::read_left_over(out.data()); }, {.threads = 1});
    REQUIRE(report.findings.size() == 1);
    CHECK(report.findings[0].kind == FindingKind::uninitialised_shared);
    CHECK(report.findings[0].block.x == 1);
    CHECK(report.findings[0].times == 3);
}
#endif

TEST_CASE("shared memory is full of poison before each block") {
    const Buffer<float> out(4);
    report_of([&] { test::read_left_over(out.data()); }, {.threads = 1});
    CHECK(out.values()[0] == 1.0f);
    for (size_t block = 1; block < 4; ++block) CHECK(std::isnan(out.values()[block]));
}

#ifndef __SANITIZE_ADDRESS__
TEST_CASE("an overrun that nobody saw breaks a canary") {
    const Buffer<float> values(8);
    const Buffer<int> others(128);
    const LibraryCall unseen(nullptr);
    const float kept = values.data()[8];
    values.data()[8] = 1.0f;
    const LaunchReport report = report_of([&] { test::write_own(others.data()); });
    values.data()[8] = kept;
    REQUIRE(report.findings.size() == 1);
    CHECK(report.findings[0].kind == FindingKind::broken_canary);
    CHECK(report.findings[0].message == "the bytes after a buffer of 32 bytes were overwritten");
}
#endif
