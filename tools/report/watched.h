// What watch.jsonl holds: of each step that was watched, figures of every layer and parameter.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace vitrine::report {

using Json = nlohmann::ordered_json;

/// Rows of figures that lines have under one key. The figures of a row stand in the order of `figures`.
struct WatchedGroup {
    const char* key;                   // "layers"
    std::vector<const char*> figures;  // "mean", …
    std::vector<std::string> rows;     // names, in the order in which they came

    /// The place of a name, new or not; `rows.size()` where there are too many already.
    size_t place_of(const std::string& name);

    std::map<std::string, size_t> places{};
};

/// A row of a line by its place in the group; what is not known is not a number.
struct WatchedRow {
    size_t place;
    std::array<float, 6> figures;
};

struct WatchedLine {
    double step = 0.0, epoch = 0.0;
    std::array<std::vector<WatchedRow>, 3> rows;  // by group
};

/// watch.jsonl, by rising step.
class Watched {
  public:
    /// A line that repeats an earlier step replaces it and all that came after it.
    void add(const Json& line);
    bool empty() const { return lines_.empty(); }
    /// What the page's maps are drawn of: at most so many lines, evenly spread, the last among them. An empty object where
    /// there are none.
    Json page_data(size_t most_lines) const;

  private:
    std::array<WatchedGroup, 3> groups_{
        {{"layers", {"mean", "deviation", "zeros", "saturated", "dead", "gradient"}, {}},
         {"weights", {"value", "gradient", "update"}, {}},
         {"norms_and_biases", {"value", "gradient", "update"}, {}}}};
    std::vector<WatchedLine> lines_;
};

}  // namespace vitrine::report
