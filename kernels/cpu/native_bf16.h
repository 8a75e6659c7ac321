// bf16 as the processor's own instruction rounds to it: one instruction where bf16_words() of simd-inl.h is eight.
//
// The type in memory is the same, but code that stores a NativeBf16 may run only where processor_rounds_to_bf16(). What is smaller
// than 2^-126 becomes zero.
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, VCVTNEPS2BF16.
#pragma once

#include <type_traits>

#include "kernels/dtype.h"

namespace vitrine {
namespace cpu {

struct NativeBf16 : bf16 {
    using bf16::bf16;
};

/// By vectors of 512 bits, which is what kernels use there.
bool processor_rounds_to_bf16();

inline const NativeBf16* native(const bf16* elements) { return static_cast<const NativeBf16*>(elements); }
inline NativeBf16* native(bf16* elements) { return static_cast<NativeBf16*>(elements); }

/// What code stores a T as: f.operator()<NativeBf16>() for a bf16 where the processor rounds to it, else f.operator()<T>().
template <class T, class F>
void with_own_rounding(const F& f) {
    if constexpr (std::is_same_v<T, bf16>) {
        if (processor_rounds_to_bf16()) return f.template operator()<NativeBf16>();
    }
    f.template operator()<T>();
}

}  // namespace cpu

template <>
inline constexpr DType dtype_of<cpu::NativeBf16> = DType::bf16;

}  // namespace vitrine
