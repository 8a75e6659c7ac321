// How far a sum is from what is stored: see explanation.h.

#include "lab/inspect/terms/explanation.h"

#include <bit>
#include <cmath>
#include <limits>

namespace vitrine::inspect {
namespace {

/// Neighbouring numbers of T as neighbouring integers, −0 and 0 as one.
template <class Bits, class T>
Bits place_of(T x) {
    const auto bits = std::bit_cast<Bits>(x);
    return bits < 0 ? std::numeric_limits<Bits>::min() - bits : bits;
}

template <class Bits, class T>
uint64_t between(T a, T b) {
    const Bits first = place_of<Bits>(a), second = place_of<Bits>(b);
    const auto low = static_cast<uint64_t>(first < second ? first : second);
    const auto high = static_cast<uint64_t>(first < second ? second : first);
    return high - low;
}

/// Two that are no number are alike, too: where one is explained, so is the other.
bool alike(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

}  // namespace

uint64_t Explanation::ulps() const {
    if (alike(list.sum, stored)) return 0;
    if (dtype == DType::f64) return between<int64_t>(list.sum, stored);
    return between<int32_t>(static_cast<float>(list.sum), static_cast<float>(stored));
}

double Explanation::error() const {
    return alike(list.sum, stored) ? 0.0 : std::abs(list.sum - stored) / list.magnitude;
}

bool Explanation::adds_up() const { return error() <= (dtype == DType::f64 ? 1e-12 : 1e-5); }

}  // namespace vitrine::inspect
