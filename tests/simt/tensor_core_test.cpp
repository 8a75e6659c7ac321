// Matrix products of a warp against plain loops, asynchronous copies, and what is found where they are used wrongly.

#include "tests/simt/tensor_core.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;
using test::Product;
using test::Wait;

namespace {

constexpr std::array all_products{Product::f16_of_8, Product::f16, Product::bf16, Product::tf32};

int depth_of(Product product) { return product == Product::f16 || product == Product::bf16 ? 16 : 8; }

/// Matrices of whole numbers, none of them twice, that every type has exactly: and their product.
struct Problem {
    std::vector<uint32_t> a;  // the words of [16, k]
    std::vector<uint32_t> b;  // of [8, k]
    std::vector<float> c;     // [16, 8]
    std::vector<float> expected;

    explicit Problem(Product product) : a(words(product, 16, 1)), b(words(product, 8, 3)), c(16 * 8) {
        const int k = depth_of(product);
        std::iota(c.begin(), c.end(), -40.0f);
        for (int row = 0; row < 16; ++row) {
            for (int column = 0; column < 8; ++column) {
                double sum = c[static_cast<size_t>(row * 8 + column)];
                for (int i = 0; i < k; ++i) sum += value(row * k + i, 1) * value(column * k + i, 3);
                expected.push_back(static_cast<float>(sum));
            }
        }
    }

  private:
    /// Up to 256: bfloat16 has 8 bits.
    static double value(int index, int shift) { return (index * 37 + shift) % 256; }

    static std::vector<uint32_t> words(Product product, int lines, int shift) {
        const int count = lines * depth_of(product);
        std::vector<uint32_t> result;
        for (int i = 0; i < count; ++i) {
            const auto number = static_cast<float>(value(i, shift));
            if (product == Product::tf32) {
                result.push_back(std::bit_cast<uint32_t>(number));
                continue;
            }
            const uint32_t bits = product == Product::bf16 ? bf16(number).bits : f16(number).bits;
            if (i % 2 == 0) {
                result.push_back(bits);
            } else {
                result.back() |= bits << 16;
            }
        }
        return result;
    }
};

/// What the kernel makes of the problem; there must be nothing to find, in any order.
template <class Kernel>
std::vector<std::vector<float>> results_of(const Problem& problem, Kernel&& kernel) {
    std::vector<std::vector<float>> results;
    const Buffer<uint32_t> a(problem.a), b(problem.b);
    const Buffer<float> c(problem.c);
    for (const Settings& settings : all_orders) {
        const Buffer<float> out(16 * 8);
        const LaunchReport report =
            report_of([&] { kernel(a.data(), b.data(), c.data(), out.data()); }, settings);
        CHECK_MESSAGE(report.findings.empty(), shown_findings(report));
        results.push_back(out.values());
    }
    return results;
}

}  // namespace

TEST_CASE("matrix products of every type, from registers by the layout and from shared memory by ldmatrix") {
    for (const Product product : all_products) {
        CAPTURE(static_cast<int>(product));
        const Problem problem(product);
        for (const auto kernel : {test::multiply_from_registers, test::multiply_from_shared}) {
            const auto results =
                results_of(problem, [&](auto... arguments) { kernel(product, arguments...); });
            for (const std::vector<float>& result : results) CHECK(result == problem.expected);
        }
    }
}

TEST_CASE("ldmatrix turns matrices of 16-bit elements round") {
    const Problem problem(Product::f16);
    std::vector<f16> turned(16 * 8);
    for (size_t i = 0; i < 16 * 8; ++i) {
        turned[i % 16 * 8 + i / 16].bits = static_cast<uint16_t>(problem.b[i / 2] >> 16 * (i % 2));
    }
    const Buffer<f16> b(turned);
    const auto results = results_of(
        problem, [&](auto a, auto, auto c, auto out) { test::multiply_turned(a, b.data(), c, out); });
    for (const std::vector<float>& result : results) CHECK(result == problem.expected);
}

TEST_CASE("a register in another's place shows") {
    const Problem problem(Product::f16);
    for (int which = 0; which < 10; ++which) {
        CAPTURE(which);
        const auto results =
            results_of(problem, [&](auto... arguments) { test::multiply_wrongly(which, arguments...); });
        for (const std::vector<float>& result : results) CHECK(result != problem.expected);
    }
}

TEST_CASE("multiply-adds of tensor cores are counted") {
    const Problem problem(Product::bf16);
    const Buffer<uint32_t> a(problem.a), b(problem.b);
    const Buffer<float> c(problem.c), out(16 * 8);
    const LaunchReport report = report_of(
        [&] { test::multiply_from_registers(Product::bf16, a.data(), b.data(), c.data(), out.data()); });
    CHECK(report.tensor_multiply_adds == 16 * 8 * 16);
    CHECK(report.fused_multiply_adds == 0);
    CHECK(report.warp_operations == 1);
}

TEST_CASE("sums are cut towards zero, not rounded") {
    Problem problem(Product::tf32);
    std::ranges::fill(problem.a, std::bit_cast<uint32_t>(0x1p-15f));
    std::ranges::fill(problem.b, std::bit_cast<uint32_t>(-0x1p-15f));
    std::ranges::fill(problem.c, 1.0f);
    // 1 − 8 · 2⁻³⁰ lies nearest to 1.
    for (const std::vector<float>& result : results_of(problem, [](auto... arguments) {
             test::multiply_from_registers(Product::tf32, arguments...);
         })) {
        CHECK(std::ranges::count(result, std::nextafter(1.0f, 0.0f)) == 16 * 8);
    }
}

TEST_CASE("a float is two tf32 and what the second one loses") {
    std::vector<float> values(32);
    for (size_t i = 0; i < 32; ++i)
        values[i] = std::ldexp(1.0f + static_cast<float>(i) / 37.0f, static_cast<int>(i) - 16);
    values[0] = 1.0f + 0x1p-11f;  // a tie, which goes away from zero
    values[1] = -values[0];
    values[2] = 1.0f + 0x1p-11f - 0x1p-23f;
    values[3] = INFINITY;
    values[4] = NAN;
    values[5] = 0.0f;
    const Buffer<float> from(values), big(32), small(32);
    test::split_to_tf32(from.data(), big.data(), small.data());
    const std::vector<float> first = big.values(), second = small.values();
    CHECK(first[0] == 1.0f + 0x1p-10f);
    CHECK(first[1] == -1.0f - 0x1p-10f);
    CHECK(first[2] == 1.0f);
    CHECK(first[3] == INFINITY);
    CHECK(std::isnan(first[4]));
    CHECK(first[5] == 0.0f);
    for (size_t i = 5; i < 32; ++i) {
        CHECK((std::bit_cast<uint32_t>(first[i]) & 0x1FFF) == 0);
        CHECK((std::bit_cast<uint32_t>(second[i]) & 0x1FFF) == 0);
        CHECK(std::abs(values[i] - first[i]) <= std::abs(values[i]) * 0x1p-11f);
        CHECK(std::abs(double{values[i]} - first[i] - second[i]) <= std::abs(values[i]) * 0x1p-22f);
    }
}

namespace {

/// There is a finding of this kind that says so, in every order. Of some defects there are others besides.
template <class F>
void expect(FindingKind kind, F&& run, const std::string& message) {
    for (const Settings& settings : all_orders) {
        const LaunchReport report = report_of(run, settings);
        CHECK_MESSAGE(
            std::ranges::any_of(report.findings,
                                [&](const Finding& finding) {
                                    return finding.kind == kind &&
                                           finding.where.starts_with("tests/simt/tensor_core.cu:") &&
                                           finding.message.find(message) != std::string::npos;
                                }),
            message, " is not among\n", shown_findings(report));
    }
}

}  // namespace

TEST_CASE("a matrix product is made by all lanes of a warp, at one place") {
    expect(FindingKind::inactive_lane, test::multiply_in_half_a_warp,
           "mma.sync is for all 32 lanes, but lane 16 has exited");
    expect(FindingKind::inactive_lane, test::multiply_in_a_small_block,
           "mma.sync is for all 32 lanes, but lane 16 does not exist");
    expect(FindingKind::inactive_lane, test::multiply_in_two_branches,
           "calls mma.sync while lane 0 calls another one (tests/simt/tensor_core.cu:");
    expect(FindingKind::deadlock, test::multiply_against_load,
           "waits in mma.sync with mask 0xffffffff for lane 16, which waits in ldmatrix");
    expect(FindingKind::unrounded_tf32, test::multiply_unrounded, "is not rounded to the 10 bits of a tf32");
}

#ifdef VITRINE_SIMT_HOOKS
TEST_CASE("what ldmatrix reads is watched") {
    expect(FindingKind::uninitialised_shared, test::load_row_uninitialised,
           "reads 16 bytes at byte 64 of shared variable rows, which no thread of this block has written");
    expect(FindingKind::misaligned, test::load_row_misaligned,
           "reads 16 bytes at an address that is not a multiple of 16");
    const Buffer<float> global(4);
    expect(
        FindingKind::out_of_bounds, [&] { test::load_row_of_global(global.data()); },
        "ldmatrix reads shared memory, and this address is not of it");
    expect(FindingKind::shared_race, test::load_without_syncwarp, "with nothing to order the two");
}

TEST_CASE("rows of ldmatrix that lie in the same banks are served one after another") {
    const Buffer<uint32_t> out(4 * 32);
    for (const bool padded : {true, false}) {
        const LaunchReport report =
            report_of([&] { test::load_with_padding(padded, out.data()); }, {.count_traffic = true});
        CHECK_MESSAGE(report.findings.empty(), shown_findings(report));
        for (uint32_t i = 0; i < 4 * 32; ++i) CHECK(out.values()[i] == i % 32 / 4 * 32 + i / 32 * 4 + i % 4);
        uint64_t passes = 0, ideal_passes = 0;
        for (const LineTraffic& line : report.traffic) {
            if (!line.shared || line.write) continue;
            passes += line.passes;
            ideal_passes += line.ideal_passes;
        }
        CHECK(ideal_passes == 4);
        CHECK(passes == (padded ? 4 : 32));
    }
}
#endif

namespace {

std::vector<float> numbers(size_t count) {
    std::vector<float> values(count);
    std::iota(values.begin(), values.end(), 1.0f);
    return values;
}

}  // namespace

TEST_CASE("asynchronous copies are there when they have been waited for") {
    const Buffer<float> from(numbers(5 * 128)), to(5 * 128);
    expect_none([&] { test::copy_through_shared(Wait::right, from.data(), to.data()); });
    CHECK(to.values()[0] == 128.0f);
    CHECK(to.values()[127] == 1.0f);
    expect_none([&] { test::copy_in_stages(true, from.data(), to.data(), 5); });
    for (size_t i = 0; i < 5 * 128; ++i)
        CHECK(to.values()[i] == static_cast<float>(i / 128 * 128 + 128 - i % 128));
    for (const int bytes : {4, 8, 16}) {
        CAPTURE(bytes);
        const auto floats = static_cast<size_t>(bytes) / 4;
        expect_none([&] { test::copy_some(bytes, 20, 0, from.data(), to.data()); });
        for (size_t i = 0; i < 32 * floats; ++i) {
            CHECK(to.values()[i] == (i < 20 * floats ? static_cast<float>(i + 1) : 0.0f));
        }
    }
}

TEST_CASE("until then there is nothing but NaN, even if nobody watches") {
    const Buffer<float> from(numbers(128)), to(128);
    for (const Wait wait : {Wait::none, Wait::uncommitted, Wait::for_one_less}) {
        const SettingsScope scope({.check = false});
        test::copy_through_shared(wait, from.data(), to.data());
        for (const float value : to.values()) CHECK(std::isnan(value));
    }
}

#ifdef VITRINE_SIMT_HOOKS
TEST_CASE("a copy that nobody has waited for is found, with both lines") {
    const Buffer<float> from(numbers(5 * 128)), to(5 * 128);
    const auto copy = [&](Wait wait) {
        return [&from, &to, wait] { test::copy_through_shared(wait, from.data(), to.data()); };
    };
    for (const Wait wait : {Wait::none, Wait::uncommitted, Wait::for_one_less}) {
        expect(FindingKind::copy_in_flight, copy(wait),
               "of shared variable tile, to which thread (31, 0, 0) copies asynchronously at "
               "tests/simt/tensor_core.cu:");
    }
    for (const Settings& settings : all_orders) {
        for (const Wait wait : {Wait::after_the_barrier, Wait::no_barrier}) {
            const LaunchReport report = report_of(copy(wait), settings);
            REQUIRE_FALSE(report.findings.empty());
            for (const Finding& finding : report.findings) {
                CHECK((finding.kind == FindingKind::copy_in_flight ||
                       finding.kind == FindingKind::shared_race ||
                       finding.kind == FindingKind::uninitialised_shared));
            }
        }
    }
    // A stage is copied over while others may still read it.
    expect(
        FindingKind::shared_race, [&] { test::copy_in_stages(false, from.data(), to.data(), 5); },
        "with nothing to order the two");
    expect(
        FindingKind::copy_in_flight, [&] { test::copy_twice(from.data(), to.data()); }, "writes 16 bytes");
    expect(
        FindingKind::copy_in_flight, [&] { test::write_over_copy(from.data(), to.data()); },
        "writes 4 bytes");
}

TEST_CASE("copies go from global to shared memory, between addresses that are multiples of their size") {
    const Buffer<float> from(numbers(128)), to(128);
    expect(
        FindingKind::misaligned, [&] { test::copy_some(16, 32, 1, from.data(), to.data()); },
        "writes 16 bytes");
    expect(
        FindingKind::misaligned, [&] { test::copy_some(8, 32, 0, from.data() + 1, to.data()); },
        "reads 8 bytes");
    expect(
        FindingKind::out_of_bounds, [&] { test::copy_some(16, 32, 0, from.data() + 4, to.data()); },
        "reads 16 bytes");
    expect(
        FindingKind::out_of_bounds, [&] { test::copy_to_global(from.data(), to.data()); },
        "cp.async writes shared memory, and this address is not of it");
    expect(
        FindingKind::host_memory, [&] { test::copy_from_shared(to.data()); },
        "cp.async reads global memory, and this is none");
}

TEST_CASE("copies count as what they move") {
    const Buffer<float> from(numbers(128)), to(128);
    const LaunchReport report =
        report_of([&] { test::copy_some(16, 20, 0, from.data(), to.data()); }, {.count_traffic = true});
    CHECK(report.global_bytes_read == 20 * 16);
    CHECK(report.shared_bytes_written == 32 * 16);
    CHECK(report.distinct_sectors_read == 10);
}
#endif
