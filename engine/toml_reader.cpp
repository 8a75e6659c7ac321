// Reading a TOML table: see toml_reader.h.

#include "engine/toml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/error.h"

namespace vitrine {
namespace {

std::string joined(const std::set<std::string, std::less<>>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

/// Levenshtein's: insertions, deletions and changes from one to the other.
size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
        }
    }
    return row.back();
}

/// " from 0 to 1", " from 0", or nothing where every number is allowed.
std::string text_of(Limits limits) {
    if (std::isinf(limits.low)) return "";
    return std::isinf(limits.high) ? fmt::format(" from {}", limits.low)
                                   : fmt::format(" from {} to {}", limits.low, limits.high);
}

}  // namespace

std::string nearest_name(std::string_view name, const std::vector<std::string>& names) {
    std::string best;
    size_t least = std::max<size_t>(name.size() / 2, 2);
    for (const std::string& candidate : names) {
        const size_t distance = edit_distance(name, candidate);
        if (distance >= least) continue;
        least = distance;
        best = candidate;
    }
    return best;
}

void TableReader::fail_at(const toml::node& node, const std::string& sentence) const {
    const toml::source_region& region = node.source();
    // What was changed on the command line says so itself; what was left out has no line.
    if (region.path && *region.path != source_) throw Error(fmt::format("{}: {}", *region.path, sentence));
    if (region.begin.line == 0) throw Error(fmt::format("{}: {}", source_, sentence));
    throw Error(fmt::format("{}:{}: {}", source_, region.begin.line, sentence));
}

const toml::node* TableReader::node(std::string_view key) {
    known_.emplace(key);
    return table_.get(key);
}

double TableReader::checked_number(const toml::node& node, std::string_view key, Limits limits) const {
    const std::optional<double> value = node.is_number() ? node.value<double>() : std::nullopt;
    if (!value || !std::isfinite(*value) || !(*value >= limits.low && *value <= limits.high))
        fail_at(node, fmt::format("{} of {} must be a number{}", key, what_, text_of(limits)));
    return *value + 0.0;  // -0 is 0
}

std::optional<double> TableReader::number(std::string_view key, Limits limits) {
    const toml::node* found = node(key);
    if (found == nullptr) return std::nullopt;
    return checked_number(*found, key, limits);
}

std::optional<int64_t> TableReader::whole(std::string_view key, int64_t low, int64_t high) {
    const toml::node* found = node(key);
    if (found == nullptr) return std::nullopt;
    const std::optional<int64_t> value = found->is_integer() ? found->value<int64_t>() : std::nullopt;
    if (!value || *value < low || *value > high)
        fail_at(*found, fmt::format("{} of {} must be a whole number from {} to {}", key, what_, low, high));
    return value;
}

std::optional<bool> TableReader::flag(std::string_view key) {
    const toml::node* found = node(key);
    if (found == nullptr) return std::nullopt;
    if (!found->is_boolean()) fail_at(*found, fmt::format("{} of {} must be true or false", key, what_));
    return found->value<bool>();
}

std::optional<std::string> TableReader::text(std::string_view key) {
    const toml::node* found = node(key);
    if (found == nullptr) return std::nullopt;
    const std::optional<std::string> value = found->is_string() ? found->value<std::string>() : std::nullopt;
    if (!value) fail_at(*found, fmt::format("{} of {} must be a text in quotes", key, what_));
    // The names of files end there for the system.
    if (value->find('\0') != std::string::npos)
        fail_at(*found, fmt::format("{} of {} holds a character of code 0", key, what_));
    return value;
}

std::optional<std::string> TableReader::choice(std::string_view key, const std::vector<std::string>& names) {
    const std::optional<std::string> value = text(key);
    if (!value || std::ranges::find(names, *value) != names.end()) return value;
    const std::string near = nearest_name(*value, names);
    fail_at(*node(key), fmt::format("{} of {} is '{}'{}; it must be one of {}", key, what_, *value,
                                    near.empty() ? "" : fmt::format(" (did you mean {}?)", near),
                                    fmt::join(names, ", ")));
}

std::optional<std::vector<double>> TableReader::numbers(std::string_view key, size_t count, Limits limits) {
    const toml::node* found = node(key);
    if (found == nullptr) return std::nullopt;
    const toml::array* array = found->as_array();
    if (array == nullptr || array->size() != count)
        fail_at(*found,
                fmt::format("{} of {} must be {} numbers{} in brackets", key, what_, count, text_of(limits)));
    std::vector<double> values;
    for (const toml::node& each : *array) values.push_back(checked_number(each, key, limits));
    return values;
}

std::optional<Limits> TableReader::range(std::string_view key, Limits limits) {
    const toml::node* found = node(key);
    if (found == nullptr) return std::nullopt;
    const bool pair = found->is_array() && found->as_array()->size() == 2;
    const auto values = pair ? numbers(key, 2, limits) : std::nullopt;
    if (!values || (*values)[0] > (*values)[1])
        fail_at(*found, fmt::format("{} of {} must be [smallest, largest]{}", key, what_, text_of(limits)));
    return Limits{(*values)[0], (*values)[1]};
}

void TableReader::finish() const {
    for (const auto& [key, value] : table_) {
        if (known_.contains(key.str())) continue;
        const std::string near = nearest_name(key.str(), {known_.begin(), known_.end()});
        fail_at(value,
                fmt::format("{} has no '{}'{}; it knows {}", what_, key.str(),
                            near.empty() ? "" : fmt::format(" (did you mean {}?)", near), joined(known_)));
    }
}

}  // namespace vitrine
