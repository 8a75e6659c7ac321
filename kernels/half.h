// The two 16-bit floating-point types, as every device stores them: bf16 and f16.
//
//     bf16   1 sign │ 8 exponent │  7 mantissa    f32's range, 3 digits: the upper half of an f32
//     f16    1 sign │ 5 exponent │ 10 mantissa    up to 65504, 4 digits
//
// They only store. Whoever computes takes a float out, and puts one back, which rounds to nearest, ties to even. A NaN
// becomes the one with all mantissa bits set, as on a GPU.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

namespace vitrine {
namespace half {

inline constexpr uint16_t nan_bits = 0x7FFF;

constexpr uint16_t to_bf16_bits(float value) {
    const auto word = std::bit_cast<uint32_t>(value);
    if (value != value) return nan_bits;  // rounding could make an infinity of it
    const uint32_t odd = word >> 16 & 1u;
    return static_cast<uint16_t>((word + 0x7FFFu + odd) >> 16);
}

constexpr float from_bf16_bits(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

constexpr uint16_t to_f16_bits(float value) {
    constexpr uint32_t overflows = 0x477FF000u;        // 65520: half way from the largest number to the next
    constexpr uint32_t smallest_normal = 0x38800000u;  // 2^-14
    constexpr uint32_t exponent_shift = (127 - 15) << 23;  // between the two biases
    const auto word = std::bit_cast<uint32_t>(value);
    const auto sign = static_cast<uint16_t>(word >> 16 & 0x8000u);
    const uint32_t size = word & 0x7FFFFFFFu;
    if (value != value) return nan_bits;
    if (size >= overflows) return sign | 0x7C00u;
    if (size < smallest_normal) {
        // The last bit of a float between 1/2 and 1 counts 2^-24, as a subnormal's does: the addition rounds.
        const float sum = std::bit_cast<float>(size) + 0.5f;
        return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(sum) - std::bit_cast<uint32_t>(0.5f)));
    }
    const uint32_t odd = size >> 13 & 1u;
    return static_cast<uint16_t>(sign | ((size + 0xFFFu + odd - exponent_shift) >> 13));
}

constexpr float from_f16_bits(uint16_t bits) {
    const uint32_t sign = (bits & 0x8000u) << 16, exponent = bits >> 10 & 0x1Fu, mantissa = bits & 0x3FFu;
    if (exponent == 0) {
        const float size = static_cast<float>(mantissa) * 0x1p-24f;
        return sign != 0 ? -size : size;
    }
    const uint32_t wide = exponent == 0x1F ? 0xFFu : exponent + (127 - 15);
    return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

}  // namespace half

// On a GPU one instruction converts; a GPU older than 8.0 has none for bf16.
#ifdef __CUDA_ARCH__
namespace half {
#if __CUDA_ARCH__ >= 800
__device__ inline uint16_t converted_to_bf16(float value) {
    uint16_t bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}
#else
__device__ inline uint16_t converted_to_bf16(float value) { return to_bf16_bits(value); }
#endif
__device__ inline uint16_t converted_to_f16(float value) {
    uint16_t bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}
__device__ inline float converted_from_f16(uint16_t bits) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}
}  // namespace half
#endif

struct bf16 {
    uint16_t bits;

    bf16() = default;
    explicit constexpr bf16(float value) : bits(rounded(value)) {}
    explicit constexpr bf16(double value) : bf16(static_cast<float>(value)) {}
    explicit constexpr operator float() const { return half::from_bf16_bits(bits); }
    explicit constexpr operator double() const { return static_cast<double>(half::from_bf16_bits(bits)); }

  private:
    static constexpr uint16_t rounded(float value) {
#ifdef __CUDA_ARCH__
        if (!std::is_constant_evaluated()) return half::converted_to_bf16(value);
#endif
        return half::to_bf16_bits(value);
    }
};

struct f16 {
    uint16_t bits;

    f16() = default;
    explicit constexpr f16(float value) : bits(rounded(value)) {}
    explicit constexpr f16(double value) : f16(static_cast<float>(value)) {}
    explicit constexpr operator float() const { return widened(bits); }
    explicit constexpr operator double() const { return static_cast<double>(widened(bits)); }

  private:
    static constexpr uint16_t rounded(float value) {
#ifdef __CUDA_ARCH__
        if (!std::is_constant_evaluated()) return half::converted_to_f16(value);
#endif
        return half::to_f16_bits(value);
    }
    static constexpr float widened(uint16_t bits) {
#ifdef __CUDA_ARCH__
        if (!std::is_constant_evaluated()) return half::converted_from_f16(bits);
#endif
        return half::from_f16_bits(bits);
    }
};

}  // namespace vitrine
