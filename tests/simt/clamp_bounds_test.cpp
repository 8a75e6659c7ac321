// A clamp as bounds is the clamp by its name, to the bit.

#include "kernels/cuda/clamp_bounds.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace vitrine {
namespace {

constexpr Activation clamps[]{Activation::identity, Activation::relu, Activation::relu6};

template <class T>
std::vector<T> values() {
    constexpr T infinity = std::numeric_limits<T>::infinity();
    const T below_six = std::nextafter(T(6), T(0)), above_six = std::nextafter(T(6), T(7));
    constexpr T least = std::numeric_limits<T>::denorm_min();
    return {-infinity, T(-3),     -least, T(-0.0),   T(0),    least,
            T(3),      below_six, T(6),   above_six, T(1e30), infinity};
}

template <class T, class Bits>
void check_clamps() {
    for (const Activation clamp : clamps) {
        const simt::ClampBounds<T> bounds(clamp);
        for (const T x : values<T>()) {
            CAPTURE(static_cast<int>(clamp));
            CAPTURE(x);
            CHECK(std::bit_cast<Bits>(bounds(x)) == std::bit_cast<Bits>(clamped(clamp, x)));
            const T y = clamped(clamp, x);
            CHECK(bounds.inside(y, true) == inside_clamp(clamp, y));
            CHECK(!bounds.inside(y, false));
        }
        const T nan = std::numeric_limits<T>::quiet_NaN();
        CHECK(std::isnan(bounds(nan)));
        CHECK(bounds.inside(nan, true));
    }
}

}  // namespace

TEST_CASE("a clamp's bounds tell its output, and whether a gradient goes through") {
    check_clamps<float, uint32_t>();
    check_clamps<double, uint64_t>();
}

}  // namespace vitrine
