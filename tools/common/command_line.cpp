// Options of the programs: see command_line.h.

#include "tools/common/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "engine/error.h"
#include "engine/fusion.h"

namespace vitrine::tools {
namespace {

/// The value of a text that is nothing but a number.
template <class T>
std::optional<T> number_in(const std::string& text) {
    T value{};
    const char* end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, value);
    if (failure != std::errc() || stop != end) return std::nullopt;
    return value;
}

}  // namespace

bool Interval::contains(double value) const {
    return (low_open ? value > low : value >= low) && (high_open ? value < high : value <= high);
}

std::string Interval::to_string() const {
    if (!std::isfinite(low) && !std::isfinite(high)) return "a number";
    if (!std::isfinite(high)) return fmt::format("a number {} {}", low_open ? "above" : "of at least", low);
    if (!low_open && !high_open) return fmt::format("a number from {} to {}", low, high);
    return fmt::format("a number {} {} and {} {}", low_open ? "above" : "from", low,
                       high_open ? "below" : "up to", high);
}

double parse_number(std::string_view flag, const std::string& text, const Interval& allowed) {
    const std::optional<double> value = number_in<double>(text);
    if (!value || !std::isfinite(*value) || !allowed.contains(*value))
        throw Error(fmt::format("{} {}: {} is needed", flag, text, allowed.to_string()));
    return *value;
}

int64_t parse_whole(std::string_view flag, const std::string& text, int64_t low, int64_t high) {
    const std::optional<int64_t> value = number_in<int64_t>(text);
    if (!value || *value < low || *value > high)
        throw Error(fmt::format("{} {}: a whole number from {} to {} is needed", flag, text, low, high));
    return *value;
}

CLI::Option* add_number(CLI::App& app, const std::string& flag, const Interval& allowed,
                        std::function<void(double)> set, const std::string& help) {
    const auto parse = [flag, allowed, set = std::move(set)](const std::string& text) {
        set(parse_number(flag, text, allowed));
    };
    return app.add_option_function<std::string>(flag, parse, help)->type_name("X");
}

CLI::Option* add_whole(CLI::App& app, const std::string& flag, int64_t low, int64_t high,
                       std::function<void(int64_t)> set, const std::string& help) {
    const auto parse = [flag, low, high, set = std::move(set)](const std::string& text) {
        set(parse_whole(flag, text, low, high));
    };
    return app.add_option_function<std::string>(flag, parse, help)->type_name("N");
}

CLI::Option* add_choice(CLI::App& app, const std::string& flag, std::vector<std::string> choices,
                        std::function<void(const std::string&)> set, const std::string& help) {
    const auto parse = [flag, choices, set = std::move(set)](const std::string& text) {
        if (std::ranges::find(choices, text) == choices.end())
            throw Error(fmt::format("{} {}: choose one of {}", flag, text, fmt::join(choices, ", ")));
        set(text);
    };
    return app.add_option_function<std::string>(flag, parse, help)
        ->type_name(fmt::format("{}", fmt::join(choices, "|")));
}

void add_precision(CLI::App& app, DType& precision) {
    std::vector<std::string> names;
    for (const DType type : floating_dtypes) names.emplace_back(name_of(type));
    add_choice(
        app, "--precision", names,
        [&precision](const std::string& name) {
            precision =
                *std::ranges::find_if(floating_dtypes, [&](DType type) { return name == name_of(type); });
        },
        "Of what is stored; sums and weights are f32 beside\nbf16 and f16 [f32]");
}

void add_fusion(CLI::App& app) {
    add_choice(
        app, "--fusion", {"on", "off"},
        [](const std::string& choice) { set_fusion(choice == "on" ? Fusion::on : Fusion::off); },
        "Whether batch norms and activations happen as the next\nconvolution reads them; off: each a pass of "
        "its "
        "own\n[on; off on the reference device]");
}

}  // namespace vitrine::tools
