// CUDA's arithmetic words for host C++: they give the GPU's bits. exp, log and the like are in math.h.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

inline int min(int a, int b) { return b < a ? b : a; }
inline int max(int a, int b) { return a < b ? b : a; }
inline unsigned min(unsigned a, unsigned b) { return b < a ? b : a; }
inline unsigned max(unsigned a, unsigned b) { return a < b ? b : a; }
inline long min(long a, long b) { return b < a ? b : a; }
inline long max(long a, long b) { return a < b ? b : a; }
inline unsigned long min(unsigned long a, unsigned long b) { return b < a ? b : a; }
inline unsigned long max(unsigned long a, unsigned long b) { return a < b ? b : a; }
inline long long min(long long a, long long b) { return b < a ? b : a; }
inline long long max(long long a, long long b) { return a < b ? b : a; }
// As on the GPU, a NaN loses against a number.
inline float min(float a, float b) { return std::fmin(a, b); }
inline float max(float a, float b) { return std::fmax(a, b); }
inline double min(double a, double b) { return std::fmin(a, b); }
inline double max(double a, double b) { return std::fmax(a, b); }

namespace vitrine::simt {

/// Calls of __fmaf_rn and __fma_rn by the kernels of this OS thread.
inline thread_local constinit uint64_t fused_multiply_adds = 0;

/// By hand where that is possible: the compiler would announce the increment to the executor's hooks like an
/// access of the kernel, which costs more than the multiplication.
inline __attribute__((always_inline)) void count_fused_multiply_add() {
#ifdef __x86_64__
    asm("incq %0" : "+m"(fused_multiply_adds) : : "cc");
#else
    ++fused_multiply_adds;
#endif
}

}  // namespace vitrine::simt

inline __attribute__((always_inline)) float __fmaf_rn(float a, float b, float c) {
    vitrine::simt::count_fused_multiply_add();
    return std::fma(a, b, c);
}
inline __attribute__((always_inline)) double __fma_rn(double a, double b, double c) {
    vitrine::simt::count_fused_multiply_add();
    return std::fma(a, b, c);
}
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }

inline float __fdividef(float a, float b) { return a / b; }
inline float __saturatef(float a) { return std::fmin(std::fmax(a, 0.0f), 1.0f); }

inline int __popc(unsigned a) { return std::popcount(a); }
inline int __popcll(unsigned long long a) { return std::popcount(a); }
inline int __clz(int a) { return std::countl_zero(static_cast<unsigned>(a)); }
inline int __clzll(long long a) { return std::countl_zero(static_cast<unsigned long long>(a)); }
inline int __ffs(int a) { return a == 0 ? 0 : std::countr_zero(static_cast<unsigned>(a)) + 1; }
inline int __ffsll(long long a) {
    return a == 0 ? 0 : std::countr_zero(static_cast<unsigned long long>(a)) + 1;
}
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(uint64_t{a} * b >> 32); }
inline int __mulhi(int a, int b) { return static_cast<int>(int64_t{a} * b >> 32); }

inline int __float_as_int(float a) { return std::bit_cast<int>(a); }
inline unsigned __float_as_uint(float a) { return std::bit_cast<unsigned>(a); }
inline float __int_as_float(int a) { return std::bit_cast<float>(a); }
inline float __uint_as_float(unsigned a) { return std::bit_cast<float>(a); }
inline long long __double_as_longlong(double a) { return std::bit_cast<long long>(a); }
inline double __longlong_as_double(long long a) { return std::bit_cast<double>(a); }
