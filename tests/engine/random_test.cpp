// Random numbers of the host: moments, ranges, permutations.

#include "engine/random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

using namespace vitrine;

TEST_CASE("uniform values fill their range evenly") {
    const RandomKey key{.seed = 7, .purpose = RandomPurpose::test};
    constexpr int count = 100'000;
    std::vector<int> bins(10);
    for (int i = 0; i < count; ++i) {
        const double value = random_uniform(key, static_cast<uint64_t>(i), -2.0, 3.0);
        REQUIRE(value >= -2.0);
        REQUIRE(value < 3.0);
        ++bins[static_cast<size_t>((value + 2.0) * 2.0)];
    }
    // Each bin is binomial with deviation 95: 500 is more than five of them.
    for (int bin : bins) CHECK(std::abs(bin - count / 10) < 500);
}

TEST_CASE("normal values have the moments of a normal distribution") {
    const RandomKey key{.seed = 8, .purpose = RandomPurpose::test};
    constexpr int count = 200'000;
    double sum = 0, squares = 0, fourth = 0;
    for (int i = 0; i < count; ++i) {
        const double value = random_normal(key, static_cast<uint64_t>(i));
        sum += value;
        squares += value * value;
        fourth += value * value * value * value;
    }
    // Five standard errors of each moment.
    CHECK(std::abs(sum / count) < 5.0 * std::sqrt(1.0 / count));
    CHECK(std::abs(squares / count - 1.0) < 5.0 * std::sqrt(2.0 / count));
    CHECK(std::abs(fourth / count - 3.0) < 5.0 * std::sqrt(96.0 / count));
}

TEST_CASE("a permutation holds every number once, and each key has its own") {
    const RandomKey key{.seed = 9, .purpose = RandomPurpose::shuffle};
    std::vector<int64_t> order = random_permutation(key, 1000);
    CHECK(order == random_permutation(key, 1000));
    RandomKey other = key;
    other.epoch = 1;
    CHECK(order != random_permutation(other, 1000));
    std::ranges::sort(order);
    std::vector<int64_t> expected(1000);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(order == expected);
}
