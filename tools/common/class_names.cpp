// Names of classes beside weights: see class_names.h.

#include "tools/common/class_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <system_error>

#include "engine/error.h"
#include "engine/escape.h"
#include "engine/input_file.h"

namespace vitrine::tools {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t largest_list = 64 << 20;

std::vector<std::string> lines_of(const fs::path& file) {
    const std::string text = read_file(file, largest_list);
    std::vector<std::string> lines;
    for (size_t begin = 0; begin < text.size();) {
        const size_t end = std::min(text.find('\n', begin), text.size());
        std::string line = text.substr(begin, end - begin);
        if (line.ends_with('\r')) line.pop_back();
        lines.push_back(std::move(line));
        begin = end + 1;
    }
    while (!lines.empty() && lines.back().empty()) lines.pop_back();
    return lines;
}

/// Without those that are hidden, as data sets are read.
std::vector<std::string> folders_in(const fs::path& folder) {
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (entry.is_directory() && !name.starts_with('.')) names.push_back(name);
    }
    std::ranges::sort(names);
    return names;
}

void tell_equal_ones_apart(std::vector<std::string>& names) {
    std::map<std::string, int> counts;
    for (const std::string& name : names) ++counts[name];
    for (size_t i = 0; i < names.size(); ++i) {
        if (counts[names[i]] > 1) names[i] += fmt::format(" ({})", i);
    }
}

}  // namespace

std::vector<std::string> read_class_names(const fs::path& path, size_t count) {
    std::error_code failure;
    std::vector<std::string> names = fs::is_directory(path, failure) ? folders_in(path) : lines_of(path);
    if (names.size() != count)
        throw Error(fmt::format("{} has {} names of classes, but the model has {} classes", path.string(),
                                names.size(), count));
    for (size_t i = 0; i < names.size(); ++i) {
        if (names[i].empty())
            throw Error(fmt::format("{}: line {} is empty, where a name is needed", path.string(), i + 1));
        names[i] = escape(names[i]);
    }
    tell_equal_ones_apart(names);
    return names;
}

std::optional<fs::path> class_names_beside(const fs::path& weights) {
    std::error_code failure;
    for (const char* name : {"classes.txt", "classes"}) {
        const fs::path path = weights.parent_path() / name;
        const bool folder = std::string_view(name) == "classes";
        if (folder ? fs::is_directory(path, failure) : fs::is_regular_file(path, failure)) return path;
    }
    return std::nullopt;
}

}  // namespace vitrine::tools
