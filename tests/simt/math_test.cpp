// exp, log and the like: the host's, or off by a few units in the last place.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <set>

#include "tests/simt/promises.h"
#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;
using test::MathWord;

namespace {

constexpr int count = 1000;
constexpr std::array inexact{MathWord::exp,   MathWord::log,  MathWord::pow,
                             MathWord::rsqrt, MathWord::tanh, MathWord::cos};
constexpr std::array exact{MathWord::exp_of_zero, MathWord::log_of_one, MathWord::pow_of_one, MathWord::root};

template <class T>
std::vector<T> arguments() {
    std::vector<T> x(count);
    for (int i = 0; i < count; ++i) x[static_cast<size_t>(i)] = T(i + 1) / T(50);
    return x;
}

template <class T>
std::vector<T> computed(MathWord word, const Settings& settings) {
    const SettingsScope scope(settings);
    const Buffer<T> x(arguments<T>()), out(count);
    test::compute(word, x.data(), out.data(), count);
    return out.values();
}

/// In units in the last place.
int64_t distance(float a, float b) { return int64_t{std::bit_cast<int32_t>(a)} - std::bit_cast<int32_t>(b); }
int64_t distance(double a, double b) { return std::bit_cast<int64_t>(a) - std::bit_cast<int64_t>(b); }

template <class T>
void check_moves(MathWord word) {
    const std::vector<T> right = computed<T>(word, {});
    const std::vector<T> moved = computed<T>(word, {.math_ulps = 2, .math_seed = 5});
    std::set<int64_t> distances;
    for (size_t i = 0; i < right.size(); ++i) distances.insert(distance(moved[i], right[i]));
    CHECK(distances == std::set<int64_t>{-2, -1, 0, 1, 2});
    CHECK(computed<T>(word, {.order = Order::descending, .math_ulps = 2, .math_seed = 5}) == moved);
    CHECK(computed<T>(word, {.math_ulps = 2, .math_seed = 6}) != moved);
}

}  // namespace

TEST_CASE("the math functions are the host's") {
    const std::vector<float> x = arguments<float>(), exps = computed<float>(MathWord::exp, {}),
                             roots = computed<float>(MathWord::rsqrt, {});
    const std::vector<double> logs = computed<double>(MathWord::log, {});
    for (size_t i = 0; i < x.size(); ++i) {
        CHECK(exps[i] == std::exp(x[i]));
        CHECK(roots[i] == 1.0f / std::sqrt(x[i]));
        CHECK(logs[i] == std::log(arguments<double>()[i]));
    }
}

TEST_CASE("with math_ulps they are off by up to so many units, by argument and seed") {
    for (const MathWord word : inexact) {
        CAPTURE(static_cast<int>(word));
        check_moves<float>(word);
        check_moves<double>(word);
    }
}

TEST_CASE("with math_ulps nothing is off that every library gives exactly") {
    const Settings off{.math_ulps = 2, .math_seed = 5};
    for (const MathWord word : exact) {
        CAPTURE(static_cast<int>(word));
        CHECK(computed<float>(word, off) == computed<float>(word, {}));
        CHECK(computed<double>(word, off) == computed<double>(word, {}));
    }
    for (const float value : computed<float>(MathWord::tanh, off)) CHECK(value <= 1.0f);
    for (const double value : computed<double>(MathWord::cos, off)) CHECK(std::abs(value) <= 1.0);
}

TEST_CASE("a kernel that counts on the bits of the host's exp is wrong with math_ulps alone") {
    const std::vector<float> x = arguments<float>();
    std::vector<float> expected(x.size());
    std::ranges::transform(x, expected.begin(), [](float value) { return std::exp(value); });
    const Buffer<float> device_x(x), device_expected(expected);
    const auto equal = [&](const Settings& settings) {
        const SettingsScope scope(settings);
        const Buffer<int> number(std::vector<int>{0});
        test::count_equal_exps(device_x.data(), device_expected.data(), number.data(), count);
        return number.values()[0];
    };
    CHECK(equal({}) == count);
    CHECK(equal({.order = Order::shuffled, .seed = 1}) == count);
    CHECK(equal({.math_ulps = 2, .math_seed = 1}) < count / 2);
}
