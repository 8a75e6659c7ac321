// What the page's script is given of a run: see page_data.h.

#include "tools/report/page_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <sstream>
#include <string>

#include "data/transforms/parse_toml.h"
#include "engine/error.h"
#include "tools/common/base64.h"

namespace vitrine::report {
namespace {

constexpr size_t most_points = 1600;  // two for each pixel of a wide chart

/// The page shows at most five digits: more would only make it larger.
double rounded(double value) {
    if (value == 0.0) return value;
    const double scale = std::pow(10.0, 6.0 - std::ceil(std::log10(std::abs(value))));
    return std::isfinite(scale) && scale != 0.0 ? std::round(value * scale) / scale : value;
}

/// Values that were not finite stand as null in the file, and are left out.
Points curve(const std::vector<StepFigures>& steps, double StepFigures::*figure) {
    Points points;
    for (const StepFigures& step : steps) {
        if (std::isfinite(step.epoch) && std::isfinite(step.*figure))
            points.emplace_back(step.epoch, step.*figure);
    }
    return points;
}

Json curves(const std::vector<StepFigures>& steps) {
    constexpr std::array figures{std::pair{"loss", &StepFigures::loss},
                                 std::pair{"learning_rate", &StepFigures::learning_rate},
                                 std::pair{"momentum", &StepFigures::momentum},
                                 std::pair{"gradient_norm", &StepFigures::gradient_norm}};
    Json all = Json::object();
    for (const auto& [key, figure] : figures) {
        Json points = Json::array();
        for (const auto& [epoch, value] : thinned(curve(steps, figure), most_points))
            points.push_back({rounded(epoch), rounded(value)});
        if (!points.empty()) all[key] = std::move(points);
    }
    return all;
}

/// The mean of the points of each epoch: a step at 0.35 belongs to epoch 1. An epoch that goes on has none
/// yet.
Json means(const Points& points) {
    Json all = Json::array();
    double sum = 0.0;
    int count = 0;
    for (size_t i = 0; i < points.size(); ++i) {
        const double epoch = std::ceil(points[i].first);
        sum += points[i].second;
        ++count;
        const bool last = i + 1 == points.size();
        const bool ends = last ? points[i].first == epoch : std::ceil(points[i + 1].first) > epoch;
        if (!ends) continue;
        all.push_back({epoch, rounded(sum / count)});
        sum = 0.0;
        count = 0;
    }
    return all;
}

/// As short as the value allows: toml++ itself would write 0.1 with seventeen digits.
std::string text_of(const toml::node& node) {
    if (const std::optional<double> number = node.value_exact<double>()) return fmt::format("{}", *number);
    if (const toml::array* array = node.as_array()) {
        std::vector<std::string> parts;
        for (const toml::node& part : *array) parts.push_back(text_of(part));
        return fmt::format("[{}]", fmt::join(parts, ", "));
    }
    std::ostringstream text;
    node.visit([&](const auto& value) { text << value; });
    return text.str();
}

/// Adds each value below `node` under its dotted key. Lists of values stay whole; lists of tables are
/// counted.
void flatten(const toml::node& node, const std::string& key, std::map<std::string, std::string>& settings) {
    if (const toml::table* table = node.as_table()) {
        for (const auto& [name, value] : *table)
            flatten(value, key.empty() ? std::string(name.str()) : fmt::format("{}.{}", key, name.str()),
                    settings);
        return;
    }
    const toml::array* array = node.as_array();
    if (array != nullptr && array->is_array_of_tables()) {
        for (size_t i = 0; i < array->size(); ++i)
            flatten(*array->get(i), fmt::format("{}[{}]", key, i), settings);
        return;
    }
    settings[key] = text_of(node);
}

Json settings_of(const std::string& recipe) {
    std::map<std::string, std::string> settings;
    try {
        flatten(parse_toml(recipe, "recipe.toml"), "", settings);
    } catch (const Error&) {
        return Json::object();
    }
    return settings;
}

}  // namespace

Points thinned(const Points& points, size_t limit) {
    if (points.size() <= limit) return points;
    const size_t stretches = std::max<size_t>(1, limit / 2);
    const auto by_value = [](const auto& a, const auto& b) { return a.second < b.second; };
    Points kept;
    for (size_t i = 0; i < stretches; ++i) {
        const auto begin = points.begin() + static_cast<std::ptrdiff_t>(i * points.size() / stretches);
        const auto end = points.begin() + static_cast<std::ptrdiff_t>((i + 1) * points.size() / stretches);
        const auto [lowest, highest] = std::minmax_element(begin, end, by_value);
        kept.push_back(*std::min(lowest, highest));
        if (lowest != highest) kept.push_back(*std::max(lowest, highest));
    }
    return kept;
}

Json page_data(const RunFiles& run) {
    return {{"name", run.name},
            {"run", run.run},
            {"recipe", run.recipe},
            {"settings", settings_of(run.recipe)},
            {"epochs", run.epochs},
            {"steps", curves(run.steps)},
            {"gradient_norms", means(curve(run.steps, &StepFigures::gradient_norm))},
            {"timing", run.timing},
            {"validation", run.validation},
            {"best", run.best},
            {"preview", tools::base64(run.preview)},
            {"last_written", run.last_written},
            {"unreadable", run.unreadable}};
}

}  // namespace vitrine::report
