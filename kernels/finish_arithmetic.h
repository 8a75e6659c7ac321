// The arithmetic of finish_images.h: scalar functions that every device shares, of single rounded operations
// only, so that all of them give the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/finish_images.h"
#include "kernels/philox.h"

namespace vitrine::finish {

/// What a colour is normalised with.
template <class T>
struct Colour {
    T scale;       // 1 / (255 · deviation): of a byte
    T unit_scale;  // 1 / deviation: of a value in 0 … 1
    T shift;       // −mean / deviation
};

template <class T>
constexpr Colour<T> colour_of(const ImageFinish& finish, size_t c) {
    return {static_cast<T>(1 / (255 * finish.stddev[c])), static_cast<T>(1 / finish.stddev[c]),
            static_cast<T>(-finish.mean[c] / finish.stddev[c])};
}

template <class T>
constexpr T normalized(uint8_t byte, const Colour<T>& colour) {
    return static_cast<T>(byte) * colour.scale + colour.shift;
}

/// Where even the largest is 0 there is nothing to add.
template <class T>
constexpr T with_noise(T x, int32_t number, int32_t largest, bool clip) {
    if (largest > 0) x = x + static_cast<T>(number) / static_cast<T>(largest);
    return !clip ? x : x < T(0) ? T(0) : x > T(1) ? T(1) : x;
}

template <class T>
constexpr T noisy(uint8_t byte, const Colour<T>& colour, int32_t number, int32_t largest,
                  bool after_normalize, bool clip) {
    if (after_normalize) return with_noise(normalized(byte, colour), number, largest, clip);
    const T x = with_noise(static_cast<T>(byte) / T(255), number, largest, clip);
    return x * colour.unit_scale + colour.shift;
}

/// lambda · a + rest · b, each product rounded.
template <class T>
constexpr T mixed(T a, T b, T lambda, T rest) {
    return a * lambda + b * rest;
}

constexpr bool contains(const PixelBox& box, int32_t row, int32_t column) {
    return row >= box.top && row < box.top + box.height && column >= box.left &&
           column < box.left + box.width;
}

/// −log z for z in (0, 1]: z = m · 2⁻ᵉ, and log m as 2 artanh((m − 1) / (m + 1)), to f32's accuracy.
constexpr float minus_log(float z) {
    float exponent = 0.0f;
    for (; z < 0.70710678f; z *= 2.0f) exponent += 1.0f;
    const float s = (z - 1.0f) / (z + 1.0f), square = s * s;
    const float sum =
        (((square / 9.0f + 1.0f / 7.0f) * square + 0.2f) * square + 1.0f / 3.0f) * square + 1.0f;
    return exponent * 0.69314718f - 2.0f * s * sum;
}

/// A standard normal number from the upper 23 bits of a word: √2 erf⁻¹(x) at the middles x of 2²³ equal parts
/// of (−1, 1), so it stays within ±5.3. The polynomials are those of Giles, "Approximating the erfinv
/// function", GPU Computing Gems 2, 2012, for f32.
constexpr float normal_from_word(uint32_t word) {
    const float middle = static_cast<float>(2 * static_cast<int32_t>(word >> 9) + 1 - 0x800000);
    const float x = middle * 0x1p-23f;  // exact
    float w = minus_log((1.0f - x) * (1.0f + x));
    float p = 0.0f;
    if (w < 5.0f) {
        w -= 2.5f;
        p = 2.81022636e-08f;
        p = p * w + 3.43273939e-07f;
        p = p * w - 3.5233877e-06f;
        p = p * w - 4.39150654e-06f;
        p = p * w + 0.00021858087f;
        p = p * w - 0.00125372503f;
        p = p * w - 0.00417768164f;
        p = p * w + 0.246640727f;
        p = p * w + 1.50140941f;
    } else {
        float root = (w + 9.0f) / 6.0f;  // of w, which is at most 16: Newton's steps from near 3
        for (int step = 0; step < 4; ++step) root = 0.5f * (root + w / root);
        w = root - 3.0f;
        p = -0.000200214257f;
        p = p * w + 0.000100950558f;
        p = p * w + 0.00134934322f;
        p = p * w - 0.00367342844f;
        p = p * w + 0.00573950773f;
        p = p * w - 0.0076224613f;
        p = p * w + 0.00943887047f;
        p = p * w + 1.00167406f;
        p = p * w + 2.83297682f;
    }
    return 1.41421356f * p * x;
}

}  // namespace vitrine::finish
