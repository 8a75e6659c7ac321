// CUDA's 16-bit floating-point storage types for host C++: __nv_bfloat16 and __half. They store; arithmetic
// is done in float. Conversions round to nearest, ties to even, as the GPU's do.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

struct __nv_bfloat16 {
    uint16_t bits;
    __nv_bfloat16() = default;
    explicit __nv_bfloat16(float value) {
        const uint32_t word = std::bit_cast<uint32_t>(value);
        // A NaN must not be rounded into an infinity; CUDA turns every NaN into this one.
        bits = std::isnan(value) ? uint16_t{0x7FFF}
                                 : static_cast<uint16_t>((word + 0x7FFFu + ((word >> 16) & 1u)) >> 16);
    }
    explicit operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }
};

struct __half {
    uint16_t bits;
    __half() = default;
    explicit __half(float value)
        : bits(std::isnan(value) ? uint16_t{0x7FFF} : std::bit_cast<uint16_t>(static_cast<_Float16>(value))) {
    }
    explicit operator float() const { return static_cast<float>(std::bit_cast<_Float16>(bits)); }
};

inline __nv_bfloat16 __float2bfloat16(float value) { return __nv_bfloat16(value); }
inline float __bfloat162float(__nv_bfloat16 value) { return static_cast<float>(value); }
inline __half __float2half(float value) { return __half(value); }
inline float __half2float(__half value) { return static_cast<float>(value); }
