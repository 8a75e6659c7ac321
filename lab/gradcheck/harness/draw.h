// Random points, a pure function of a name: the same in every run and on every device.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace vitrine::gradcheck {

/// Uniform in [low, high).
std::vector<double> uniform(std::string_view name, int64_t count, double low = -1, double high = 1);

/// Uniform in [−3, 9] but for a margin around 0 and 6, the kinks of relu and relu6.
std::vector<double> off_kinks(std::string_view name, int64_t count);

/// All different, at least 0.01 apart, in random order around 0: no two compete for a maximum.
std::vector<double> well_apart(std::string_view name, int64_t count);

/// Of size [0.5, 1.5) with a random sign: for divisors.
std::vector<double> away_from_zero(std::string_view name, int64_t count);

/// Integers in [0, bound).
std::vector<double> integers(std::string_view name, int64_t count, int64_t bound);

}  // namespace vitrine::gradcheck
