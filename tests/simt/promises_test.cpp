// What kernels promise: blocks of no more threads than their launch bounds, and memory that nobody writes.

#include "tests/simt/promises.h"

#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <string>

#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

TEST_CASE("a block of more threads than the kernel's launch bounds is refused") {
    test::launch_bound_by_64(64);
    CHECK_THROWS_WITH_AS(test::launch_bound_by_64(65),
                         "launch of bound_kernel refused: the block has 65 threads, and the kernel's "
                         "__launch_bounds__ allow 64",
                         Error);
    test::launch_bound_by_its_type(96);
    CHECK_THROWS_WITH_AS(test::launch_bound_by_its_type(128), doctest::Contains("__launch_bounds__ allow 96"),
                         Error);
    test::launch_unbound(1024);
}

TEST_CASE("parameters of more than 4096 bytes are refused") {
    test::launch_with_parameters_of_4096_bytes();
    CHECK_THROWS_WITH_AS(test::launch_with_parameters_of_4100_bytes(),
                         doctest::Contains("parameters are 4097 bytes, and 4096 are allowed"), Error);
}

TEST_CASE("a grid or dynamic shared memory that no GPU grants is refused") {
    test::launch_grid(70000, 1, 1, 48 * 1024);
    test::launch_grid(1, 65535, 1, 0);
    test::launch_grid(1, 1, 65535, 0);
    for (const auto& [x, y, z] : {std::array{1u, 65536u, 1u}, {1u, 1u, 65536u}, {1u << 31, 1u, 1u}}) {
        CHECK_THROWS_WITH_AS(test::launch_grid(x, y, z, 0),
                             doctest::Contains("1 to 2147483647 x 65535 x 65535 are allowed"), Error);
    }
    CHECK_THROWS_WITH_AS(test::launch_grid(1, 1, 1, 48 * 1024 + 1),
                         doctest::Contains("49153 bytes of dynamic shared memory"), Error);
}

#ifdef VITRINE_SIMT_HOOKS
namespace {

using Run = std::function<void()>;

/// That and nothing else: the same accesses are right without the promise.
void expect_written(const Run& run) {
    for (const Settings& settings : all_orders) {
        const LaunchReport report = report_of(run, settings);
        CHECK_MESSAGE(report.findings.size() == 1, shown_findings(report));
        for (const Finding& finding : report.findings) {
            CHECK(finding.kind == FindingKind::read_only_written);
            CHECK(finding.where.starts_with("tests/simt/promises.cu:"));
        }
    }
}

}  // namespace

TEST_CASE("memory that is read as read-only may not be written by the same launch") {
    constexpr int count = 100;
    const Buffer<float> from(std::vector<float>(count, 1.0f)), to(count);
    for (const auto add_one : {test::add_one, test::add_one_by_ldg, test::add_one_to_packs}) {
        expect_none([&] { add_one(from.data(), to.data(), count); });
        CHECK(to.values() == std::vector<float>(count, 2.0f));
        expect_written([&] { add_one(to.data(), to.data(), count); });
    }
    expect_none([&] { test::add_one_openly(to.data(), to.data(), count); });
    const Buffer<uint8_t> bytes(std::vector<uint8_t>(count, 1));
    // Neighbours of what is written are not written: a byte is enough to tell.
    expect_none([&] { test::add_one_to_bytes(bytes.data(), bytes.data() + 50, 50); });
    expect_written([&] { test::add_one_to_bytes(bytes.data() + 49, bytes.data() + 49, 1); });
}

TEST_CASE("a pointer that was read-only and moves to what the kernel writes is seen") {
    const Buffer<uint8_t> image(std::vector<uint8_t>(64, 7)), areas(128);
    expect_written([&] { test::reverse_twice(image.data(), areas.data(), 64); });
}

TEST_CASE("an atomic changes read-only memory, too") {
    const Buffer<int> total(std::vector<int>{0}), out(32);
    expect_written([&] { test::read_a_running_total(total.data(), out.data()); });
}

TEST_CASE("another launch may write what this one reads as read-only") {
    const Buffer<float> one(std::vector<float>(8, 1.0f)), two(8);
    const SettingsScope scope({});
    for (int i = 0; i < 3; ++i) {
        test::add_one(one.data(), two.data(), 8);
        test::add_one(two.data(), one.data(), 8);
    }
    CHECK(one.values() == std::vector<float>(8, 7.0f));
}

TEST_CASE("a write to read-only memory names both lines") {
    const Buffer<float> values(std::vector<float>(4, 1.0f));
    const LaunchReport report = report_of([&] { test::add_one_by_ldg(values.data(), values.data(), 1); });
    REQUIRE(report.findings.size() == 1);
    const std::string text = describe(report);
    CAPTURE(text);
    CHECK(text.find(
              "kernel add_one_by_ldg_kernel: write to read-only memory: block (0, 0, 0), thread (0, 0, 0) "
              "at tests/simt/promises.cu:") == 0);
    CHECK(text.find("changes byte 0 of a buffer of 16 bytes, which tests/simt/promises.cu:") !=
          std::string::npos);
    CHECK(text.ends_with(" reads as read-only memory in the same launch"));
}
#endif
