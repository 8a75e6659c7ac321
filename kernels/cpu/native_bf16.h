// bf16 as the processor's own instruction rounds to it: one instruction where bf16_words() of simd-inl.h is eight.
//
// The type in memory is the same, but code that stores a NativeBf16 may run only where processor_rounds_to_bf16(): so whoever
// chooses an implementation by the processor takes it for the pointers that are written through. What is smaller than 2^-126
// becomes zero.
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, VCVTNEPS2BF16.
#pragma once

#include "kernels/dtype.h"

namespace vitrine {
namespace cpu {

struct NativeBf16 : bf16 {
    using bf16::bf16;
};

inline const NativeBf16* native(const bf16* elements) { return static_cast<const NativeBf16*>(elements); }
inline NativeBf16* native(bf16* elements) { return static_cast<NativeBf16*>(elements); }

}  // namespace cpu

template <>
inline constexpr DType dtype_of<cpu::NativeBf16> = DType::bf16;

}  // namespace vitrine
