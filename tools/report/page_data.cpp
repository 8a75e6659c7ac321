// What the page's script is given of a run: see page_data.h.

#include "tools/report/page_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "engine/error.h"
#include "engine/parse_toml.h"
#include "tools/common/base64.h"
#include "tools/recipe/recipe.h"
#include "tools/recipe/recipe_file.h"

namespace vitrine::report {
namespace {

constexpr size_t most_points = 1600;  // two for each pixel of a wide chart
constexpr size_t most_watched = 120;  // columns of a map: of 300 rows, a megabyte

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

/// The tables, and lists of tables, within the recipe's own: what differs in its keys, too, is compared as a
/// whole.
void add_groups(const toml::node& node, const std::string& place, Json& groups) {
    const auto add = [&](const toml::node& part, const std::string& key) {
        const toml::array* list = part.as_array();
        if (part.is_table() || (list != nullptr && list->is_array_of_tables())) {
            groups[key] = recipe::toml_value(part);
            add_groups(part, key, groups);
        }
    };
    if (const toml::table* table = node.as_table()) {
        for (const auto& [name, part] : *table) add(part, fmt::format("{}.{}", place, name.str()));
    } else if (const toml::array* list = node.as_array()) {
        for (size_t i = 0; i < list->size(); ++i)
            add_groups(*list->get(i), fmt::format("{}.{}", place, i + 1), groups);
    }
}

void add_settings(const std::string& text, Json& data) {
    Json& settings = data["settings"] = Json::object();
    Json& groups = data["setting_groups"] = Json::object();
    try {
        const toml::table recipe = parse_toml(text, "recipe.toml");
        for (const auto& [place, value] : recipe::values_by_place(recipe)) settings[place] = value;
        for (const auto& [name, part] : recipe) add_groups(part, std::string(name.str()), groups);
    } catch (const Error&) {  // no recipe, or a damaged one
    }
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
    Json data = {{"name", run.name},
                 {"run", run.run},
                 {"recipe", run.recipe},
                 {"epochs", run.epochs},
                 {"steps", curves(run.steps)},
                 {"last_step", run.steps.empty() ? Json() : Json(run.steps.back().step)},
                 {"gradient_norms", means(curve(run.steps, &StepFigures::gradient_norm))},
                 {"watched", run.watched.page_data(most_watched)},
                 {"timing", run.timing},
                 {"validation", run.validation},
                 {"preview", tools::base64(run.preview)},
                 {"last_written", run.last_written},
                 {"unreadable", run.unreadable}};
    add_settings(run.recipe, data);
    return data;
}

}  // namespace vitrine::report
