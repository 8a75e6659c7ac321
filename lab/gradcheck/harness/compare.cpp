// How far one set of numbers is from another: see compare.h.

#include "lab/gradcheck/harness/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace vitrine::gradcheck {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double difference(double actual, double expected) {
    if (actual == expected || (std::isnan(actual) && std::isnan(expected))) return 0;
    const double d = std::abs(actual - expected);
    return std::isfinite(d) ? d : infinity;
}

double ratio(double numerator, double denominator) {
    if (numerator == 0 || numerator == infinity) return numerator;  // whatever the denominator, a NaN too
    return numerator / denominator;
}

}  // namespace

double root_mean_square(std::span<const double> values) {
    double squares = 0;
    int64_t finite = 0;
    for (const double value : values) {
        if (!std::isfinite(value)) continue;
        squares += value * value;
        ++finite;
    }
    return finite == 0 ? 0 : std::sqrt(squares / static_cast<double>(finite));
}

Distance distance(std::span<const double> actual, std::span<const double> expected) {
    if (actual.size() != expected.size())
        throw std::logic_error("two different numbers of values are compared");
    Distance result;
    double squares = 0, largest = -1;
    for (size_t i = 0; i < actual.size(); ++i) {
        const double d = difference(actual[i], expected[i]);
        squares += d * d;
        if (d <= largest) continue;
        largest = d;
        result.worst = {static_cast<int64_t>(i), actual[i], expected[i]};
    }
    const double scale = root_mean_square(expected);
    // Where all is 0 but for a value whose square is 0 too, there is still an error.
    if (scale == 0 && largest > 0) squares = infinity;
    result.mean_square = ratio(squares, scale * scale * static_cast<double>(actual.size()));
    result.largest = ratio(std::max(largest, 0.0), scale);
    return result;
}

Roundings roundings(std::span<const double> actual, std::span<const double> expected, DType half) {
    const double unit = half == DType::bf16 ? 0x1p-8 : 0x1p-11;
    const double scale = root_mean_square(expected);
    Roundings result;
    for (size_t i = 0; i < actual.size(); ++i) {
        const double own = std::isfinite(expected[i]) ? std::max(std::abs(expected[i]), scale) : scale;
        const double number = ratio(difference(actual[i], expected[i]), unit * own);
        result.mean += number * number;
        result.largest = std::max(result.largest, number);
    }
    result.mean = std::sqrt(result.mean / static_cast<double>(std::max<size_t>(actual.size(), 1)));
    return result;
}

double relative_error(double analytic, double numeric, double scale) {
    const double d = difference(analytic, numeric);
    return ratio(d, std::max({std::abs(analytic), std::abs(numeric), scale}));
}

}  // namespace vitrine::gradcheck
