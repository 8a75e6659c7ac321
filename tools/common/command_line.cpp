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
#include "engine/toml_reader.h"

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

/// The app itself, or its command that was given.
const CLI::App& innermost(const CLI::App& app) {
    const std::vector<CLI::App*> given = app.get_subcommands();
    return given.empty() ? app : innermost(*given.front());
}

std::vector<std::string> flags_of(const CLI::App& app) {
    std::vector<std::string> flags;
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
        for (const std::string& name : option->get_snames()) flags.push_back("-" + name);
    }
    return flags;
}

/// Throws where there is something that the program does not know, but for a command, which subcommands.h tells.
void refuse_unknown(const CLI::App& app) {
    if (app.get_require_subcommand_min() > 0 && app.get_subcommands().empty()) return;
    const std::vector<std::string> unknown = app.remaining(true);
    if (unknown.empty()) return;
    const std::string& first = unknown.front();
    const std::string flag = first.substr(0, first.find('='));
    const std::string near = first.starts_with("-") ? nearest_name(flag, flags_of(innermost(app))) : "";
    const std::string what = first.starts_with("-") ? "is not known" : "is more than is taken";
    throw Error(fmt::format("{} {}{} (see {} --help)", flag, what,
                            near.empty() ? "" : fmt::format("; did you mean {}?", near), app.get_name()));
}

}  // namespace

void parse_arguments(CLI::App& app, int argc, const char* const* argv) {
    try {
        app.parse(argc, argv);
    } catch (const CLI::ExtrasError&) {
        refuse_unknown(app);
        throw;
    } catch (const CLI::RequiredError&) {
        refuse_unknown(app);
        throw;
    }
}

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
        app, "--fusion", {"on", "written", "off"},
        [](const std::string& choice) {
            for (const Fusion fusion : {Fusion::on, Fusion::written, Fusion::off})
                if (choice == name_of(fusion)) set_fusion(fusion);
        },
        "Whether batch norms and activations happen as the next\nconvolution reads them; written: and no "
        "convolution's\noutput is left out; off: each a pass of its own\n[on; off on the reference device]");
}

}  // namespace vitrine::tools
