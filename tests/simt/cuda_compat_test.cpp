// Each of CUDA's words does on the host what it does on a GPU, and none of them is mistaken for a defect.

#include "tests/simt/cuda_compat.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

namespace {

/// Every order must do, and each launch throws if there is a finding.
template <class F>
void in_every_order(F&& f) {
    for (const Order order : {Order::ascending, Order::descending, Order::shuffled}) {
        for (const bool check : {true, false}) {
            const SettingsScope scope({.order = order, .seed = 3, .check = check});
            f();
        }
    }
}

}  // namespace

TEST_CASE("threads and blocks know their indices") {
    in_every_order([] {
        const Buffer<int> out(12 * 24);
        test::write_indices(out.data());
        const std::vector<int> values = out.values();
        for (int block = 0; block < 12; ++block) {
            for (int rank = 0; rank < 24; ++rank) {
                const int expected = rank % 3 + 10 * (rank / 3 % 2) + 100 * (rank / 6) + 1000 * (block % 2) +
                                     10000 * (block / 2 % 3) + 100000 * (block / 6);
                CHECK(values[static_cast<size_t>(block * 24 + rank)] == expected);
            }
        }
    });
}

TEST_CASE("sums by shuffles, with static and dynamic shared memory") {
    in_every_order([] {
        std::vector<float> values(5 * 96);
        std::iota(values.begin(), values.end(), 1.0f);  // whole numbers: exact in any order
        const Buffer<float> device_values(values);
        for (const auto sum : {test::block_sums, test::block_sums_dynamic}) {
            const Buffer<float> sums(5);
            sum(device_values.data(), sums.data(), 5, 96);
            for (int block = 0; block < 5; ++block) {
                const auto begin = values.begin() + block * 96;
                CHECK(sums.values()[static_cast<size_t>(block)] == std::accumulate(begin, begin + 96, 0.0f));
            }
        }
    });
}

TEST_CASE("shuffles take the lane that PTX's formulas name") {
    in_every_order([] {
        for (const int width : {32, 8, 1}) {
            for (const int argument : {0, 1, 5, 31}) {
                const Buffer<int> out(128);
                test::shuffles(out.data(), argument, width);
                const std::vector<int> values = out.values();
                for (int lane = 0; lane < 32; ++lane) {
                    const int first = lane / width * width;
                    const int last = first + width - 1;
                    const int up = lane - argument >= first ? lane - argument : lane;
                    const int down = lane + argument <= last ? lane + argument : lane;
                    const int exclusive = (lane ^ argument) <= last ? (lane ^ argument) : lane;
                    const auto at = [&](int kind) {
                        return values[static_cast<size_t>(kind * 32 + lane)] - 100;
                    };
                    CHECK(at(0) == first + argument % width);
                    CHECK(at(1) == up);
                    CHECK(at(2) == down);
                    CHECK(at(3) == exclusive);
                }
            }
        }
        const Buffer<double> doubles(32);
        test::shuffle_doubles(doubles.data());
        for (size_t lane = 0; lane < 32; ++lane) {
            CHECK(doubles.values()[lane] == 0.1 * static_cast<double>(31 - lane));
        }
    });
}

TEST_CASE("votes of warps, of half-warps that never meet, and of blocks") {
    in_every_order([] {
        const Buffer<unsigned> out(5);
        test::votes(out.data());
        CHECK(out.values() == std::vector<unsigned>{0xAAAAAAAAu, 0, 1, 1, 0});
        const Buffer<unsigned> halves(32);
        test::half_votes(halves.data());
        CHECK(halves.values().front() == 0x00001111u);
        CHECK(halves.values().back() == 0x22220000u);
        const Buffer<int> barrier(4);
        test::barrier_votes(barrier.data());
        CHECK(barrier.values() == std::vector<int>{24, 0, 1, 0});
    });
}

TEST_CASE("atomics of all blocks together") {
    in_every_order([] {
        const Buffer<int> integers(std::vector<int>{0, -1, 1000, 0, 0});
        const Buffer<unsigned> sum(std::vector<unsigned>{0});
        const Buffer<float> float_sum(std::vector<float>{0});
        const Buffer<double> double_sum(std::vector<double>{0});
        test::atomics(integers.data(), sum.data(), float_sum.data(), double_sum.data());
        CHECK(integers.values() == std::vector<int>{255 * 128, 255, 0, 77, 256});
        CHECK(sum.values()[0] == 512);
        CHECK(float_sum.values()[0] == 128.0f);
        CHECK(double_sum.values()[0] == 64.0);
    });
}

TEST_CASE("atomics that change bits, and that count round") {
    in_every_order([] {
        const Buffer<unsigned> words(std::vector<unsigned>{~0u, 0, 5, 0, 0, 40000});
        test::bit_atomics(words.data());
        // 256 = 36 · 7 + 4; the numbers below 256 add up to 32640, and cancel out in an exclusive or.
        CHECK(words.values() == std::vector<unsigned>{0, ~0u, 5, 4, 3, 40000 - 32640});
    });
}

TEST_CASE("arithmetic words") {
    const Buffer<int> integers(6);
    const Buffer<float> floats(4);
    test::arithmetic(integers.data(), floats.data());
    CHECK(integers.values() == std::vector<int>{8, 15, 9, -4, 3, 2});
    CHECK(floats.values() == std::vector<float>{17.0f, 0.5f, 1.5f, 2.5f});
}

TEST_CASE("16-bit types round to nearest, ties to even") {
    const float infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> values{1.0f,     1.00390625f, 1.01171875f, 65504.0f,
                                    65520.0f, 1e-8f,       -infinity,   0x1p-24f};
    const unsigned count = static_cast<unsigned>(values.size());
    const Buffer<float> from(values);
    const Buffer<float> bfloat16(count);
    const Buffer<float> half(count);
    test::round_trips(from.data(), bfloat16.data(), half.data(), count);
    CHECK(bfloat16.values()[0] == 1.0f);
    CHECK(bfloat16.values()[1] == 1.0f);       // halfway between 1 and 1.0078125: to the even one
    CHECK(bfloat16.values()[2] == 1.015625f);  // halfway: up, to the even one
    CHECK(bfloat16.values()[4] == 65536.0f);
    CHECK(bfloat16.values()[6] == -infinity);
    CHECK(half.values()[0] == 1.0f);
    CHECK(half.values()[3] == 65504.0f);
    CHECK(half.values()[4] == infinity);  // halfway to what would be the next: it is out of range
    CHECK(half.values()[5] == 0.0f);
    CHECK(half.values()[7] == 0x1p-24f);  // the smallest subnormal
    const Buffer<float> not_a_number(std::vector<float>{std::nanf("")});
    test::round_trips(not_a_number.data(), bfloat16.data(), half.data(), 1);
    CHECK(std::isnan(bfloat16.values()[0]));
    CHECK(std::isnan(half.values()[0]));
}

TEST_CASE("vectors move whole") {
    std::vector<float4> values;
    for (int i = 0; i < 100; ++i) values.push_back(make_float4(static_cast<float>(i), 1, 2, 3));
    const Buffer<float4> from(values);
    const Buffer<float4> to(100);
    const LaunchReport report =
        report_of([&] { test::copy_float4(to.data(), from.data(), 100); }, {.count_traffic = true});
    CHECK_MESSAGE(report.findings.empty(), shown_findings(report));
    CHECK(to.values()[99].x == 99.0f);
    CHECK(to.values()[99].w == 4.0f);
#ifdef VITRINE_SIMT_HOOKS
    // One request a warp for reading and one for writing: no copy fell apart into single floats.
    REQUIRE(report.traffic.size() == 2);
    for (const LineTraffic& line : report.traffic) {
        CHECK(line.requests == 4);
        CHECK(line.bytes == 1600);
    }
#endif
}

TEST_CASE("bytes and 16-bit values of neighbouring threads are no race") {
    in_every_order([] {
        const Buffer<unsigned char> bytes(192);
        const Buffer<unsigned short> words(192);
        test::write_neighbours(bytes.data(), words.data());
        CHECK(bytes.values()[191] == 63);
        CHECK(words.values()[127] == 63);
    });
}

TEST_CASE("threads may exit before others, and warp operations do not wait for them") {
    in_every_order([] {
        const Buffer<int> values(std::vector<int>(100, 7));
        test::early_exit(values.data(), 99);
        CHECK(values.values()[98] == 14);
        CHECK(values.values()[97] == 7);
        CHECK(values.values()[99] == 7);
        const Buffer<int> sums(32);
        test::sum_of_live_lanes(sums.data(), 13);
        CHECK(sums.values()[0] == 78);
        CHECK(sums.values()[12] == 78);
        CHECK(sums.values()[13] == -1);  // poison: nobody wrote it
    });
}

TEST_CASE("a launch that a GPU would refuse is refused") {
    const Buffer<float> values(1);
    CHECK_THROWS_WITH_AS(test::block_sums(values.data(), values.data(), 0, 32),
                         doctest::Contains("the grid is 0 x 1 x 1 blocks"), Error);
    CHECK_THROWS_WITH_AS(test::block_sums(values.data(), values.data(), 1, 1025),
                         doctest::Contains("the block is 1025 x 1 x 1 threads"), Error);
    CHECK_THROWS_WITH_AS(test::block_sums_dynamic(values.data(), values.data(), 1, 10000000),
                         doctest::Contains("the block is"), Error);
}
