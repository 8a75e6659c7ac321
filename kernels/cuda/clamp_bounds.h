// A clamp as numbers, which the host finds: a GPU compares a value with two of them, whatever the clamp, where a clamp that is
// known by its name costs more questions than comparisons. As a kernel's parameters they take no registers.
#pragma once

#include <limits>

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

/// Where a clamp has no bound it is an infinity, and where it has no kink a NaN: nothing is beyond that, not even an infinity.
template <class T>
struct ClampBounds {
    T low;
    T high;
    T low_kink;
    T high_kink;

    explicit ClampBounds(Activation clamp)
        : low(clamp == Activation::identity ? -infinity : T(0)),
          high(clamp == Activation::relu6 ? T(6) : infinity),
          low_kink(clamp == Activation::identity ? nan : T(0)),
          high_kink(clamp == Activation::relu6 ? T(6) : nan) {}

    /// clamped() of kernels/activation.h, to the bit.
    __device__ __forceinline__ T operator()(T x) const {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
        if constexpr (sizeof(T) == 4) {
            asm("max.NaN.f32 %0, %0, %1;" : "+f"(x) : "f"(low));
            asm("min.NaN.f32 %0, %0, %1;" : "+f"(x) : "f"(high));
            return x;
        }
#endif
        const T above = x <= low ? low : x;
        return above > high ? high : above;
    }
    /// inside_clamp() of an output, but that a NaN is inside, as in PyTorch; and `also`.
    __device__ __forceinline__ bool inside(T y, bool also) const {
        also = also && !(y <= low_kink);
        return also && !(y >= high_kink);
    }

  private:
    static constexpr T infinity = std::numeric_limits<T>::infinity();
    static constexpr T nan = std::numeric_limits<T>::quiet_NaN();
};

/// The clamp's bounds for values that are rounded to 16 bits, two in a word; nothing of other types. Rounding keeps the order and
/// both bounds, so that it may come first, and a comparison serves two values.
template <class T>
struct HalfClampBounds {
    explicit HalfClampBounds(Activation) {}
};
template <class T>
requires(is_half_type<T>) struct HalfClampBounds<T> {
    ClampBounds<float> unrounded;
    unsigned low;
    unsigned high;

    explicit HalfClampBounds(Activation clamp)
        : unrounded(clamp),
          low(word_of<T>(unrounded.low, unrounded.low)),
          high(word_of<T>(unrounded.high, unrounded.high)) {}

    /// word_of() of the clamped values.
    __device__ __forceinline__ unsigned word(float first, float second) const {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
        unsigned word = word_of<T>(first, second);
        if constexpr (std::is_same_v<T, bf16>) {
            asm("max.NaN.bf16x2 %0, %0, %1;" : "+r"(word) : "r"(low));
            asm("min.NaN.bf16x2 %0, %0, %1;" : "+r"(word) : "r"(high));
        } else {
            asm("max.NaN.f16x2 %0, %0, %1;" : "+r"(word) : "r"(low));
            asm("min.NaN.f16x2 %0, %0, %1;" : "+r"(word) : "r"(high));
        }
        return word;
#else
        return word_of<T>(unrounded(first), unrounded(second));
#endif
    }
};

}  // namespace vitrine::VITRINE_GPU
