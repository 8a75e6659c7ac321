// Random points: see draw.h.

#include "lab/gradcheck/harness/draw.h"

#include <cmath>

#include "engine/random.h"

namespace vitrine::gradcheck {
namespace {

constexpr double kink_margin = 0.05;

/// FNV-1a, so that each name has a stream of its own.
RandomKey key_of(std::string_view name) {
    uint64_t hash = 0xCBF29CE484222325;
    for (const char letter : name) {
        hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001B3;
    }
    return {hash, RandomPurpose::test, 0, 0};
}

double off_kink(double value, double kink) {
    if (std::abs(value - kink) >= kink_margin) return value;
    return value < kink ? value - kink_margin : value + kink_margin;
}

}  // namespace

std::vector<double> uniform(std::string_view name, int64_t count, double low, double high) {
    const RandomKey key = key_of(name);
    std::vector<double> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); ++i) values[i] = random_uniform(key, i, low, high);
    return values;
}

std::vector<double> off_kinks(Activation activation, std::string_view name, int64_t count) {
    const bool clamp = is_clamp(activation);
    std::vector<double> values = clamp ? uniform(name, count, -3, 9) : uniform(name, count, -6, 6);
    for (double& value : values) {
        value = clamp ? off_kink(off_kink(value, 0), 6) : off_kink(off_kink(value, -3), 3);
    }
    return values;
}

std::vector<double> well_apart(std::string_view name, int64_t count) {
    const std::vector<int64_t> order = random_permutation(key_of(name), count);
    std::vector<double> values;
    for (const int64_t place : order) values.push_back(0.01 * static_cast<double>(place - count / 2) + 0.003);
    return values;
}

std::vector<double> away_from_zero(std::string_view name, int64_t count) {
    std::vector<double> values = uniform(name, count);
    for (double& value : values) value += value < 0 ? -0.5 : 0.5;
    return values;
}

std::vector<double> integers(std::string_view name, int64_t count, int64_t bound) {
    std::vector<double> values = uniform(name, count, 0, static_cast<double>(bound));
    for (double& value : values) value = std::floor(value);
    return values;
}

}  // namespace vitrine::gradcheck
