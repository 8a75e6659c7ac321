// The two 16-bit types: every number of them, and the rounding of numbers between them.

#include "kernels/half.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/philox.h"

using namespace vitrine;

namespace {

/// What a 16-bit number of so many mantissa bits stands for, by its definition.
double value_of(uint16_t bits, int mantissa_bits) {
    const int exponent_bits = 15 - mantissa_bits, bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = bits >> mantissa_bits & ((1 << exponent_bits) - 1);
    const int mantissa = bits & ((1 << mantissa_bits) - 1);
    const double sign = bits & 0x8000 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
        return mantissa == 0 ? sign * std::numeric_limits<double>::infinity()
                             : std::numeric_limits<double>::quiet_NaN();
    const int whole = exponent == 0 ? mantissa : mantissa | 1 << mantissa_bits;
    return sign * std::ldexp(whole, (exponent == 0 ? 1 : exponent) - bias - mantissa_bits);
}

template <class Half>
void check_every_number(int mantissa_bits) {
    int wrong = 0;
    for (uint32_t bits = 0; bits < 65536; ++bits) {
        const Half half = std::bit_cast<Half>(static_cast<uint16_t>(bits));
        const double expected = value_of(half.bits, mantissa_bits);
        const auto value = static_cast<float>(half);
        if (std::isnan(expected)) {
            wrong += !std::isnan(value) || Half(value).bits != 0x7FFF;
        } else {
            wrong += static_cast<double>(value) != expected || static_cast<double>(half) != expected ||
                     Half(value).bits != half.bits;
        }
    }
    CHECK(wrong == 0);
}

/// The nearest number, the even one of two that are equally near: by trying all of one sign. Beyond the largest number comes
/// what would be the next, and stands for infinity.
template <class Half>
class Nearest {
  public:
    explicit Nearest(int mantissa_bits) {
        for (uint16_t bits = 0; !std::isinf(value_of(bits, mantissa_bits)); ++bits)
            numbers_.push_back(value_of(bits, mantissa_bits));
        numbers_.push_back(2 * numbers_.back() - numbers_[numbers_.size() - 2]);
    }

    uint16_t operator()(float value) const {
        const double size = std::abs(static_cast<double>(value));
        const auto above = std::lower_bound(numbers_.begin(), numbers_.end(), size);
        auto nearest = above == numbers_.end() ? above - 1 : above;
        if (nearest != numbers_.begin()) {
            const double up = *nearest - size, down = size - *(nearest - 1);
            if (down < up || (down == up && (nearest - numbers_.begin()) % 2 == 1)) --nearest;
        }
        return static_cast<uint16_t>((nearest - numbers_.begin()) | (std::signbit(value) ? 0x8000 : 0));
    }
    double number(size_t index) const { return numbers_[index]; }
    size_t count() const { return numbers_.size(); }

  private:
    std::vector<double> numbers_;
};

template <class Half>
void check_rounding(int mantissa_bits) {
    const Nearest<Half> nearest(mantissa_bits);
    int wrong = 0;
    const auto check = [&](float value) { wrong += Half(value).bits != nearest(value); };
    for (uint32_t i = 0; i < 200'000; ++i) {
        const float value = std::bit_cast<float>(random_word({.seed = 5, .purpose = RandomPurpose::test}, i));
        if (!std::isnan(value)) check(value);
    }
    // Half way between neighbours, and just beside it.
    for (size_t i = 0; i + 1 < nearest.count(); i += 7) {
        const auto middle = static_cast<float>((nearest.number(i) + nearest.number(i + 1)) / 2);
        check(middle);
        check(-middle);
        check(std::nextafter(middle, 0.0f));
        check(std::nextafter(middle, std::numeric_limits<float>::infinity()));
    }
    CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("bf16 and f16: every number is what its bits say, and comes back from a float") {
    check_every_number<bf16>(7);
    check_every_number<f16>(10);
}

TEST_CASE("bf16 and f16: a float is rounded to the nearest, halves to even, and overflows to infinity") {
    check_rounding<bf16>(7);
    check_rounding<f16>(10);
    CHECK(f16(65519.0f).bits == 0x7BFF);
    CHECK(f16(65520.0f).bits == 0x7C00);
    CHECK(f16(-1e30f).bits == 0xFC00);
    CHECK(bf16(3.39e38f).bits == 0x7F7F);
    CHECK(bf16(std::numeric_limits<float>::max()).bits == 0x7F80);
    CHECK(bf16(1.0 + 0x1p-8).bits == bf16(1.0f).bits);
}
