// Options of the programs: each states what it allows, and a value outside of that is one clear Error.
//
// CLI11 finds the options and writes --help; the checks are here because its own messages do not say what is
// allowed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/dtype.h"

// Whoever makes an App includes CLI/CLI.hpp, which takes a compiler five seconds.
namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace vitrine::tools {

/// app.parse(). What the program does not know is told before what it misses, with the name that is nearest: throws Error
/// "--epoch is not known; did you mean --epochs?".
void parse_arguments(CLI::App& app, int argc, const char* const* argv);

/// The numbers that an option takes: from `low` to `high`, an end left out where it is open.
struct Interval {
    double low;
    double high;
    bool low_open = false;
    bool high_open = false;

    bool contains(double value) const;
    /// "a number from 0 to 1", "a number above 0 and below 1"
    std::string to_string() const;
};

/// The number that a whole text stands for. Throws Error "FLAG TEXT: … is needed".
double parse_number(std::string_view flag, const std::string& text, const Interval& allowed);
int64_t parse_whole(std::string_view flag, const std::string& text, int64_t low, int64_t high);

/// Each adds an option that is parsed by the functions above. `help` goes into --help; it should say the
/// default.
CLI::Option* add_number(CLI::App& app, const std::string& flag, const Interval& allowed,
                        std::function<void(double)> set, const std::string& help);
CLI::Option* add_whole(CLI::App& app, const std::string& flag, int64_t low, int64_t high,
                       std::function<void(int64_t)> set, const std::string& help);
/// A name out of a list.
CLI::Option* add_choice(CLI::App& app, const std::string& flag, std::vector<std::string> choices,
                        std::function<void(const std::string&)> set, const std::string& help);
/// --precision f32|f64|bf16|f16 into `precision`: what activations are stored in (kernels/dtype.h).
void add_precision(CLI::App& app, DType& precision);
/// --fusion on|written|off, of all models that the program makes (engine/fusion.h).
void add_fusion(CLI::App& app);

}  // namespace vitrine::tools
