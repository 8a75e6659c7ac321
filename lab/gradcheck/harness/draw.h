// Random points, a pure function of a name: the same in every run and on every device.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/activation.h"

namespace vitrine::gradcheck {

/// Uniform in [low, high).
std::vector<double> uniform(std::string_view name, int64_t count, double low = -1, double high = 1);

/// Inputs of an activation, uniform but for a margin around its kinks: in [−3, 9] of a clamp, in [−6, 6] of a curve.
std::vector<double> off_kinks(Activation activation, std::string_view name, int64_t count);

/// All different, at least 0.01 apart, in random order around 0: no two compete for a maximum.
std::vector<double> well_apart(std::string_view name, int64_t count);

/// Of size [0.5, 1.5) with a random sign: for divisors.
std::vector<double> away_from_zero(std::string_view name, int64_t count);

/// Integers in [0, bound).
std::vector<double> integers(std::string_view name, int64_t count, int64_t bound);

}  // namespace vitrine::gradcheck
