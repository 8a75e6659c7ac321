// What watch.jsonl holds: see watched.h.

#include "tools/report/watched.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace vitrine::report {
namespace {

constexpr size_t most_rows = 4000;  // of a group: many times the layers of the largest model
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
constexpr double largest = std::numeric_limits<float>::max();

double number_in(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_number() ? found->get<double>() : 0.0;
}

/// Three digits: what a colour and a box with values show.
Json shown(double value) {
    if (!std::isfinite(value)) return nullptr;
    return std::strtod(fmt::format("{:.2e}", value).c_str(), nullptr);
}

std::vector<WatchedRow> read_rows(const Json& line, WatchedGroup& group) {
    std::vector<WatchedRow> read;
    const auto rows = line.find(group.key);
    if (rows == line.end() || !rows->is_object()) return read;
    for (const auto& [name, values] : rows->items()) {
        if (!values.is_array() || values.size() != group.figures.size()) continue;
        WatchedRow row{group.place_of(name), {}};
        if (row.place == most_rows) continue;
        for (size_t i = 0; i < values.size(); ++i) {
            const double value = values[i].is_number() ? values[i].get<double>() : unknown;
            row.figures[i] = static_cast<float>(std::abs(value) < largest ? value : unknown);
        }
        read.push_back(row);
    }
    return read;
}

/// A figure of each row at the chosen lines: by row, then by line.
Json figures_of(const std::vector<const WatchedLine*>& lines, size_t group, size_t rows, size_t figure) {
    std::vector<std::vector<Json>> all(rows, std::vector<Json>(lines.size()));
    for (size_t i = 0; i < lines.size(); ++i) {
        for (const WatchedRow& row : lines[i]->rows[group]) all[row.place][i] = shown(row.figures[figure]);
    }
    return all;
}

}  // namespace

size_t WatchedGroup::place_of(const std::string& name) {
    const auto found = places.find(name);
    if (found != places.end()) return found->second;
    if (rows.size() == most_rows) return most_rows;
    rows.push_back(name);
    return places[name] = rows.size() - 1;
}

void Watched::add(const Json& line) {
    WatchedLine read{number_in(line, "step"), number_in(line, "epoch"), {}};
    for (size_t group = 0; group < groups_.size(); ++group)
        read.rows[group] = read_rows(line, groups_[group]);
    while (!lines_.empty() && lines_.back().step >= read.step) lines_.pop_back();
    lines_.push_back(std::move(read));
}

Json Watched::page_data(size_t most_lines) const {
    if (empty()) return Json::object();
    const size_t every = (lines_.size() + most_lines - 1) / most_lines;
    std::vector<const WatchedLine*> chosen;
    for (size_t i = (lines_.size() - 1) % every; i < lines_.size(); i += every) chosen.push_back(&lines_[i]);

    Json data = {{"lines", lines_.size()}, {"steps", Json::array()}, {"epochs", Json::array()}};
    for (const WatchedLine* line : chosen) {
        data["steps"].push_back(line->step);
        data["epochs"].push_back(shown(line->epoch));
    }
    for (size_t g = 0; g < groups_.size(); ++g) {
        const WatchedGroup& group = groups_[g];
        Json& rows = data[group.key] = Json::array();
        for (const std::string& name : group.rows) rows.push_back({{"name", name}});
        for (size_t figure = 0; figure < group.figures.size(); ++figure) {
            Json values = figures_of(chosen, g, group.rows.size(), figure);
            for (size_t row = 0; row < rows.size(); ++row) {
                const bool known =
                    std::ranges::any_of(values[row], [](const Json& value) { return !value.is_null(); });
                if (known) rows[row][group.figures[figure]] = std::move(values[row]);
            }
        }
    }
    return data;
}

}  // namespace vitrine::report
