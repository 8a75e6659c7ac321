// What bench scale is told: see scale_options.h.

#include "lab/bench/scale_options.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <charconv>
#include <optional>
#include <span>
#include <sstream>
#include <string_view>
#include <utility>

#include "engine/error.h"
#include "tools/common/command_line.h"

namespace vitrine::tools {
namespace {

constexpr int64_t most_ranks = 4096;  // each of which draws a step's time in each of the simulated steps

struct Unit {
    std::string_view name;
    double size;
};

/// A number and a unit, in units of size 1; nothing where the text is something else.
std::optional<double> quantity_in(std::string_view text, std::span<const Unit> units) {
    double number = 0.0;
    const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc()) return std::nullopt;
    const std::string_view name = text.substr(static_cast<size_t>(stop - text.data()));
    for (const Unit& unit : units) {
        if (name == unit.name) return number * unit.size;
    }
    return std::nullopt;
}

double parse_quantity(const std::string& flag, const std::string& text, std::span<const Unit> units,
                      const Interval& allowed, const char* needed) {
    const std::optional<double> value = quantity_in(text, units);
    if (!value || !allowed.contains(*value)) throw Error(fmt::format("{} {}: {}", flag, text, needed));
    return *value;
}

template <class Value>
void add_text(CLI::App& command, const std::string& flag, const char* type,
              Value (*parse)(const std::string& flag, const std::string& text), Value& value,
              const std::string& help) {
    const auto take = [=, &value](const std::string& text) { value = parse(flag, text); };
    command.add_option_function<std::string>(flag, take, help)->type_name(type);
}

}  // namespace

std::vector<int64_t> ScaleBenchOptions::ranks_between(int64_t first, int64_t last) {
    std::vector<int64_t> ranks;
    for (int64_t count = first; count < last; count *= 2) ranks.push_back(count);
    ranks.push_back(last);
    return ranks;
}

double parse_bandwidth(const std::string& flag, const std::string& text) {
    static constexpr Unit units[] = {{"Gbit", 1e9 / 8},   {"Gbit/s", 1e9 / 8}, {"Mbit", 1e6 / 8},
                                     {"Mbit/s", 1e6 / 8}, {"GB/s", 1e9},       {"MB/s", 1e6}};
    return parse_quantity(flag, text, units, {1e5, 1e14},
                          "a rate is needed, as 100Gbit, 40MB/s or 900GB/s: from 0.1MB/s to 100000GB/s");
}

double parse_latency(const std::string& flag, const std::string& text) {
    static constexpr Unit units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1.0}};
    return parse_quantity(flag, text, units, {0.0, 1.0},
                          "a time is needed, as 800ns, 5us or 0.1ms: from 0us to 1s");
}

std::vector<int64_t> parse_ranks(const std::string& flag, const std::string& text) {
    const size_t dots = text.find("..");
    if (dots == std::string::npos) return {parse_whole(flag, text, 1, most_ranks)};
    const int64_t first = parse_whole(flag, text.substr(0, dots), 1, most_ranks);
    const int64_t last = parse_whole(flag, text.substr(dots + 2), 1, most_ranks);
    if (first > last) throw Error(fmt::format("{} {}: the smaller number comes first", flag, text));
    return ScaleBenchOptions::ranks_between(first, last);
}

std::vector<double> parse_milliseconds(const std::string& flag, const std::string& text) {
    std::vector<double> times;
    std::istringstream parts(text + ',');  // whose last part would be left out where it is empty
    for (std::string part; std::getline(parts, part, ',');)
        times.push_back(parse_number(flag, part, {1e-3, 1e7}));
    return times;
}

void add_scale(CLI::App& command, ScaleBenchOptions& options) {
    command.option_defaults()->group("Many processes");
    add_text(command, "--ranks", "N..N", parse_ranks, options.ranks,
             "How many processes, each with a GPU or a machine of\nits own: the first number, twice it, …, "
             "the last [1..512]");
    add_text(command, "--network", "RATE", parse_bandwidth, options.network.bandwidth,
             "What each process can send, and receive [100Gbit]");
    add_text(command, "--latency", "TIME", parse_latency, options.network.latency,
             "Of a message, until its receiver goes on [50us]");
    add_text(command, "--reading", "RATE", parse_bandwidth, options.read_bandwidth,
             "Of a data set larger than the memory, by each process\n[3GB/s]");
    add_text(command, "--step-ms", "X,X…", parse_milliseconds, options.step_milliseconds,
             "What steps of one process take, in milliseconds\n[measured here]");
    add_number(
        command, "--deviation", {0.0, 0.3}, [&](double share) { options.deviation = share; },
        "Of a step's time from its mean, as a share of it, where\nonly one time is known [0.02]");
    add_number(
        command, "--failure-hours", {1.0, 1e9}, [&](double hours) { options.failure_hours = hours; },
        "Mean time between two failures of one process: of its\nGPU, its machine, its cable [50000]");
    add_number(
        command, "--checkpoint-minutes", {0.1, 1e5},
        [&](double minutes) { options.checkpoint_minutes = minutes; }, "Between two checkpoints [10]");
    add_number(
        command, "--restart-minutes", {0.0, 1e5}, [&](double minutes) { options.restart_minutes = minutes; },
        "From a failure until steps go on [10]");
}

}  // namespace vitrine::tools
