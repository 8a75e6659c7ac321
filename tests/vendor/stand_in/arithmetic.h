// How the stand-in libraries compute: sums in double, results blended into what is there.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace vitrine::stand_in {

/// dst = alpha · value + beta · dst, in the output's precision; where beta is 0, dst is not read.
template <class T>
void blend(T& destination, double value, T alpha, T beta) {
    const T scaled = alpha * static_cast<T>(value);
    destination = beta == T(0) ? scaled : scaled + beta * destination;
}

/// A float with the mantissa of TF32, which is 10 bits: what tensor cores multiply.
inline float as_tf32(float value) {
    return std::bit_cast<float>((std::bit_cast<uint32_t>(value) + 0x1000u) & 0xFFFFE000u);
}

/// As atomics on a GPU do it: other last bits each time.
template <class T>
T with_other_bits(T value) {
    static thread_local uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return state >> 31 != 0 ? std::nextafter(value, std::numeric_limits<T>::max()) : value;
}

}  // namespace vitrine::stand_in
