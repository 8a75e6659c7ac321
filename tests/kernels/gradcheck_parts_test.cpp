// The parts of gradcheck's harness, each shown something wrong.

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "lab/gradcheck/harness/compare.h"
#include "lab/gradcheck/harness/differences.h"
#include "lab/gradcheck/harness/guarded_buffer.h"

namespace {

using namespace vitrine;
using namespace vitrine::gradcheck;

constexpr double infinity = std::numeric_limits<double>::infinity();
const double not_a_number = std::nan("");

}  // namespace

TEST_CASE("distance: equal is 0, and a known error comes out as itself") {
    const std::vector<double> expected{3, 4, 0};
    CHECK(distance(expected, expected).mean_square == 0);
    const std::vector<double> actual{3, 4.5, 0};
    const Distance d = distance(actual, expected);
    CHECK(d.mean_square == doctest::Approx(0.25 / 25));
    CHECK(d.largest == doctest::Approx(0.5 / std::sqrt(25.0 / 3)));
    CHECK(d.worst.index == 1);
    CHECK(d.worst.actual == 4.5);
    CHECK(d.worst.expected == 4);
}

TEST_CASE("distance: a NaN or an infinity out of place is infinitely far, in place it is right") {
    const std::vector<double> plain{1, 2}, nan{1, not_a_number}, up{1, infinity}, down{1, -infinity};
    for (const auto& other : {nan, up, down}) {
        CHECK(distance(other, plain).mean_square == infinity);
        CHECK(distance(plain, other).mean_square == infinity);
        CHECK(distance(other, other).mean_square == 0);
    }
    CHECK(distance(up, down).mean_square == infinity);
    CHECK(distance(std::vector<double>{1e-300}, std::vector<double>{0}).mean_square > 1);
    CHECK_THROWS_AS(distance(plain, std::vector<double>{1}), std::logic_error);
}

TEST_CASE("relative_error: over the larger of both, or over the scale") {
    CHECK(relative_error(1, 1, 0) == 0);
    CHECK(relative_error(0, 0, 0) == 0);
    CHECK(relative_error(1, 2, 0) == doctest::Approx(0.5));
    CHECK(relative_error(1e-9, 0, 1e-3) == doctest::Approx(1e-6));
    CHECK(relative_error(not_a_number, 1, 1) == infinity);
}

TEST_CASE("worst_difference: finds the wrong element, also one that was not sampled") {
    const NumericGradient numeric{"x", {{0, 1.0}, {2, -2.0}}, {1, -1, 1}, 1.0 - 5.0 - 2.0};
    CHECK(worst_difference({numeric}, {{"d_x", {1, 5, -2}}}).error == 0);
    const DifferenceError sampled = worst_difference({numeric}, {{"d_x", {1, 5, -2.1}}});
    CHECK(sampled.error > 1e-3);
    CHECK(sampled.tensor == "d_x");
    CHECK(worst_difference({numeric}, {{"d_x", {not_a_number, 5, -2}}}).error == infinity);
    CHECK(worst_difference({numeric}, {{"d_x", {1, not_a_number, -2}}}).error == infinity);
    const DifferenceError unsampled = worst_difference({numeric}, {{"d_x", {1, 5.1, -2}}});
    CHECK(unsampled.error > 1e-3);
    CHECK(unsampled.worst.index == -1);
}

TEST_CASE("guarded buffer: keeps values, poisons, and sees every write outside") {
    for (const Placement placement : {Placement::aligned, Placement::misaligned})
        for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::u8}) {
            GuardedBuffer buffer(Device::reference, dtype, 5, placement);
            const std::vector<double> values{1, 2, 3, 4, 5};
            buffer.fill(values);
            CHECK(buffer.values() == values);
            CHECK((reinterpret_cast<uintptr_t>(buffer.data()) % 64 == 0) ==
                  (placement == Placement::aligned));
            CHECK(buffer.damage().empty());

            std::byte* begin = static_cast<std::byte*>(buffer.data());
            std::byte* end = begin + 5 * size_of(dtype);
            for (std::byte* outside : {begin - 1, end, begin - 500, end + 500}) {
                const std::byte before = *outside;
                *outside = ~before;
                CHECK(!buffer.damage().empty());
                *outside = before;
                CHECK(buffer.damage().empty());
            }
        }
    GuardedBuffer buffer(Device::reference, DType::f32, 2, Placement::aligned);
    buffer.poison();
    CHECK(std::isnan(buffer.values()[0]));
    CHECK(std::isnan(buffer.values()[1]));
}

TEST_CASE("guarded buffer: adding to a guard zone shows, and reading from one gives NaN") {
    GuardedBuffer single(Device::reference, DType::f32, 3, Placement::aligned);
    volatile float* past_single = static_cast<float*>(single.data()) + 3;
    CHECK(std::isnan(*past_single * 0.0f));
    *past_single = *past_single + 1.0f;
    CHECK(!single.damage().empty());

    GuardedBuffer wide(Device::reference, DType::f64, 3, Placement::misaligned);
    volatile double* before_wide = static_cast<double*>(wide.data()) - 1;
    CHECK(std::isnan(*before_wide * 0.0));
    *before_wide = *before_wide + 1.0;
    CHECK(!wide.damage().empty());
}
