// Asking the processor for the instruction of native_bf16.h.

#include "kernels/cpu/native_bf16.h"

#include <hwy/highway.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace vitrine::cpu {
namespace {

/// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, CPUID, leaf 7, subleaf 1.
bool has_instruction() {
#if defined(__x86_64__)
    constexpr unsigned avx512_bf16 = 1u << 5;
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & avx512_bf16) != 0;
#else
    return false;
#endif
}

}  // namespace

bool processor_rounds_to_bf16() {
    static const bool rounds = has_instruction() && (hwy::SupportedTargets() & HWY_AVX3) != 0;
    return rounds;
}

}  // namespace vitrine::cpu
