// What batch_norm and normalize share.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "lab/inspect/terms/number.h"

namespace vitrine::inspect {

/// (x − mean)²: off by twice what the difference is off by, times itself.
inline Number squared(const Number& difference) {
    return through(difference, difference.value * difference.value, 2.0 * difference.value);
}

/// 1 / √x
inline Number reciprocal_root(const Number& x) {
    const double value = 1.0 / std::sqrt(x.value);
    return through(x, value, -0.5 * value / x.value);
}

inline std::string rstd_detail(double variance, double epsilon) {
    return fmt::format("1 / √({:.6g} + {:g})", variance, epsilon);
}

}  // namespace vitrine::inspect
