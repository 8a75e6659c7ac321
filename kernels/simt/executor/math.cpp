// exp, log and the like as kernels call them: see kernels/simt/math.h.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/philox.h"
#include "kernels/simt/executor/worker.h"
#include "kernels/simt/math_functions.h"

namespace vitrine::simt {
namespace {

#define VITRINE_NAME(name, arguments) name,
enum class Function : uint32_t { VITRINE_MATH_FUNCTIONS(VITRINE_NAME) rsqrt };
#undef VITRINE_NAME

/// The words that decide how far a result is off.
template <class T>
PhiloxWords draw(Function function, uint64_t seed, T a, T b) {
    using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
    const uint64_t first = std::bit_cast<Bits>(a), second = std::bit_cast<Bits>(b);
    return philox({static_cast<uint32_t>(first), static_cast<uint32_t>(first >> 32),
                   static_cast<uint32_t>(second), static_cast<uint32_t>(second >> 32)},
                  {static_cast<uint32_t>(seed ^ seed >> 32), static_cast<uint32_t>(function)});
}

bool never_beyond_one(Function function) {
    return function == Function::sin || function == Function::cos || function == Function::tanh ||
           function == Function::erf;
}

/// What the C standard (ISO/IEC 9899, annex F.10) says to the last bit, every library gives: all of it has a
/// 0 or pow's 1 among its arguments, or a result without neighbours.
template <class T>
bool is_exact(Function function, T result, T a, T b) {
    return !std::isfinite(result) || result == T(0) || a == T(0) || b == T(0) ||
           (function == Function::pow && a == T(1));
}

/// `result` of f(a, b), or what another library may give for it. Of functions of one argument, b is 1.
template <class T>
T from_library(Function function, T result, T a, T b = T(1)) {
    if (running_worker == nullptr) return result;
    const Settings& settings = running_worker->settings();
    if (settings.math_ulps == 0 || is_exact(function, result, a, b)) return result;
    const auto choices = static_cast<uint32_t>(2 * settings.math_ulps + 1);
    int off = static_cast<int>(draw(function, settings.math_seed, a, b)[0] % choices) - settings.math_ulps;
    constexpr T infinity = std::numeric_limits<T>::infinity();
    T moved = result;
    for (; off > 0; --off) moved = std::nextafter(moved, infinity);
    for (; off < 0; ++off) moved = std::nextafter(moved, -infinity);
    if (is_exact(function, moved, a, b) || std::signbit(moved) != std::signbit(result)) return result;
    return never_beyond_one(function) && std::abs(moved) > T(1) ? result : moved;
}

}  // namespace
}  // namespace vitrine::simt

using vitrine::simt::from_library;
using vitrine::simt::Function;

#define VITRINE_DEFINE_1(T, name, symbol) \
    T symbol(T a) { return from_library<T>(Function::name, std::name(a), a); }
#define VITRINE_DEFINE_2(T, name, symbol) \
    T symbol(T a, T b) { return from_library<T>(Function::name, std::name(a, b), a, b); }
#define VITRINE_DEFINE(name, arguments)                            \
    VITRINE_DEFINE_##arguments(double, name, vitrine_simt_##name); \
    VITRINE_DEFINE_##arguments(float, name, vitrine_simt_##name##f);

extern "C" {

VITRINE_MATH_FUNCTIONS(VITRINE_DEFINE)

double vitrine_simt_rsqrt(double a) { return from_library<double>(Function::rsqrt, 1.0 / std::sqrt(a), a); }
float vitrine_simt_rsqrtf(float a) { return from_library<float>(Function::rsqrt, 1.0f / std::sqrt(a), a); }

void vitrine_simt_sincos(double a, double* sine, double* cosine) {
    *sine = vitrine_simt_sin(a);
    *cosine = vitrine_simt_cos(a);
}
void vitrine_simt_sincosf(float a, float* sine, float* cosine) {
    *sine = vitrine_simt_sinf(a);
    *cosine = vitrine_simt_cosf(a);
}

}  // extern "C"
