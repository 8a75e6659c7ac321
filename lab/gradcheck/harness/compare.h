// How far one set of numbers is from another.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/dtype.h"

namespace vitrine::gradcheck {

/// The worst element of a comparison.
struct Worst {
    int64_t index = -1;  // −1: none
    double actual = 0;
    double expected = 0;
};

struct Distance {
    /// Normalised mean-square error: Σ (actual − expected)² / Σ expected².
    double mean_square = 0;
    /// The largest |actual − expected| over the root mean square of expected.
    double largest = 0;
    Worst worst;
};

/// Of two elements that are both NaN, or the same infinity, the distance is 0; of a finite and another one it
/// is infinite. Where all of `expected` is 0 any other value is infinitely far. Throws std::logic_error if
/// the sizes differ.
Distance distance(std::span<const double> actual, std::span<const double> expected);

/// |analytic − numeric| over the largest of |analytic|, |numeric| and `scale`.
double relative_error(double analytic, double numeric, double scale);

double root_mean_square(std::span<const double> values);

/// Roundings of a 16-bit type, each of |actual − expected| over half a unit in the last place of the larger of |expected|
/// and its root mean square.
struct Roundings {
    double mean = 0;  // root of their mean square
    double largest = 0;
};

Roundings roundings(std::span<const double> actual, std::span<const double> expected, DType half);

}  // namespace vitrine::gradcheck
