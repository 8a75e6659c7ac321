// Numbers as people read them: see units.h.

#include "tools/common/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace vitrine::tools {
namespace {

std::pair<double, const char*> scaled(double value) {
    constexpr std::array steps{"", "k", "M", "G", "T"};
    size_t step = 0;
    while (std::abs(value) >= 1000.0 && step + 1 < steps.size()) {
        value /= 1000.0;
        ++step;
    }
    return {value, steps[step]};
}

}  // namespace

std::string grouped(int64_t value) {
    const std::string digits = std::to_string(value);
    std::string text;
    for (size_t i = 0; i < digits.size(); ++i) {
        const bool follows_digit = i > 0 && digits[i - 1] != '-';
        if (follows_digit && (digits.size() - i) % 3 == 0) text += ',';
        text += digits[i];
    }
    return text;
}

std::string metric(double value) {
    const auto [number, step] = scaled(value);
    return *step == '\0' ? fmt::format("{:g}", number) : fmt::format("{:.2f} {}", number, step);
}

std::string short_metric(double value) {
    // Rounded first: 999,600 is 1.00 M, not 1000 k.
    const double size = std::abs(value);
    const double unit = size > 0.0 ? std::pow(10.0, std::floor(std::log10(size)) - 2.0) : 1.0;
    const auto [number, step] = scaled(size < 1000.0 ? value : std::round(value / unit) * unit);
    if (*step == '\0') return fmt::format("{:g}", number);
    const int digits = std::abs(number) < 10.0 ? 2 : std::abs(number) < 100.0 ? 1 : 0;
    return fmt::format("{:.{}f} {}", number, digits, step);
}

std::string bytes_text(int64_t bytes) {
    const auto [number, step] = scaled(static_cast<double>(bytes));
    return *step == '\0' ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}B", number, step);
}

std::string duration(double seconds) {
    const auto whole = static_cast<int64_t>(std::llround(std::max(0.0, seconds)));
    if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace vitrine::tools
