// Numbers that know how far rounding may have moved them.
//
// Whoever adds a, b and c in floating point, in whatever order, is off by some units of ε · (|a| + |b| + |c|), however small the
// sum itself is. So beside its value a number here carries the sum of the absolute values that it was added up from: its
// magnitude, the scale on which two ways to the same number may differ.
#pragma once

#include <cmath>

namespace vitrine::inspect {

struct Number {
    double value = 0.0;
    double magnitude = 0.0;

    Number() = default;
    Number(double given) : value(given), magnitude(std::abs(given)) {}  // NOLINT(google-explicit-constructor)
    Number(double its_value, double its_magnitude) : value(its_value), magnitude(its_magnitude) {}
};

inline Number operator-(const Number& a) { return {-a.value, a.magnitude}; }
inline Number operator+(const Number& a, const Number& b) {
    return {a.value + b.value, a.magnitude + b.magnitude};
}
inline Number operator-(const Number& a, const Number& b) { return a + -b; }
inline Number operator*(const Number& a, const Number& b) {
    return {a.value * b.value, a.magnitude * b.magnitude};
}
inline Number operator/(const Number& a, double b) { return {a.value / b, a.magnitude / std::abs(b)}; }

/// f(x), where f(x) is `value` and its derivative `slope`: what moves x moves it, and it is rounded itself.
inline Number through(const Number& x, double value, double slope) {
    return {value, std::abs(value) + std::abs(slope) * x.magnitude};
}

/// A sum in f64 that loses nothing to rounding on its way (Neumaier's compensation).
class Sum {
  public:
    void add(const Number& x) {
        const double sum = sum_ + x.value;
        const bool larger = std::abs(sum_) >= std::abs(x.value);
        lost_ += larger ? (sum_ - sum) + x.value : (x.value - sum) + sum_;
        sum_ = sum;
        magnitude_ += x.magnitude;
    }
    Number total() const { return {sum_ + lost_, magnitude_}; }

  private:
    double sum_ = 0.0, lost_ = 0.0, magnitude_ = 0.0;
};

}  // namespace vitrine::inspect
