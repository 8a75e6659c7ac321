// exp, log and the like for host C++: functions that are rounded differently by every library.
//
// Included after <cmath>, it gives the C library's functions other names in the object file, so that kernels
// call the executor's in their place (executor/math.cpp). Those give the C library's results, or with
// Settings::math_ulps results that are off by some units in the last place, as a GPU's are: its exp is
// not the host's. What the C standard says exactly (exp(0) = 1, pow(x, 0) = 1, infinities, NaN) stays. A
// kernel is right if it holds with either. Division and square root are exact everywhere.
#pragma once

#include <cmath>

#include "kernels/simt/math_functions.h"

#define VITRINE_ARGUMENTS_1(T) T
#define VITRINE_ARGUMENTS_2(T) T, T
#define VITRINE_MATH_FUNCTION(name, arguments)                                                  \
    double name(VITRINE_ARGUMENTS_##arguments(double)) noexcept __asm__("vitrine_simt_" #name); \
    float name##f(VITRINE_ARGUMENTS_##arguments(float)) noexcept __asm__("vitrine_simt_" #name "f");

extern "C" {
VITRINE_MATH_FUNCTIONS(VITRINE_MATH_FUNCTION)
void sincos(double, double*, double*) noexcept __asm__("vitrine_simt_sincos");
void sincosf(float, float*, float*) noexcept __asm__("vitrine_simt_sincosf");

// CUDA's own.
double rsqrt(double) noexcept __asm__("vitrine_simt_rsqrt");
float rsqrtf(float) noexcept __asm__("vitrine_simt_rsqrtf");
}

#undef VITRINE_MATH_FUNCTION

inline float rsqrt(float a) { return rsqrtf(a); }
inline float __expf(float a) { return std::exp(a); }
inline float __logf(float a) { return std::log(a); }
