// Recognising tables by their names: see table_files.h.

#include "data/tables/table_files.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "data/split_names.h"
#include "data/tables/table.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

/// Words of a table's name that say nothing of the part that it is of.
constexpr std::array<std::string_view, 20> table_words = {
    "label", "labels", "annotation", "annotations", "metadata", "csv",  "tsv",  "table", "list",  "index",
    "info",  "gt",     "ground",     "truth",       "class",    "file", "data", "names", "image", "images"};

TableRole role_of(SplitPart part) {
    return part == SplitPart::train        ? TableRole::train
           : part == SplitPart::validation ? TableRole::validation
                                           : TableRole::test;
}

}  // namespace

std::optional<TableRole> table_role(const fs::path& file) {
    if (!has_table_extension(file)) return std::nullopt;
    const std::vector<std::string> words = words_of(file.stem().string());
    const auto has = [&](std::string_view word) { return std::ranges::find(words, word) != words.end(); };
    if (has("submission") || has("submit")) {
        // Without such a word it is somebody's answer, perhaps of an earlier prediction, and says nothing of the data.
        const bool to_be_filled_in = has("sample") || has("example") || has("template");
        return to_be_filled_in ? std::optional(TableRole::submission) : std::nullopt;
    }
    std::string rest;
    for (const std::string& word : words) {
        if (std::ranges::find(table_words, word) == table_words.end()) rest += word + '_';
    }
    if (rest.empty()) return TableRole::whole;
    const std::optional<SplitName> name = split_name(rest);
    if (name && name->family.empty()) return role_of(name->part);
    if (has_quoted_fields(file)) return TableRole::unknown;
    return std::nullopt;
}

std::vector<TableFile> tables_in(const fs::path& folder) {
    std::vector<TableFile> tables;
    std::error_code failure;
    fs::directory_iterator entry(folder, failure);
    for (; !failure && entry != fs::directory_iterator(); entry.increment(failure)) {
        std::error_code unreadable;
        if (entry->path().filename().string().front() == '.' || !entry->is_regular_file(unreadable)) continue;
        if (const std::optional<TableRole> role = table_role(entry->path()))
            tables.push_back({entry->path(), *role});
    }
    std::ranges::sort(tables, {}, &TableFile::path);
    return tables;
}

std::vector<fs::path> with_role(const std::vector<TableFile>& files, TableRole role) {
    std::vector<fs::path> paths;
    for (const TableFile& file : files) {
        if (file.role == role) paths.push_back(file.path);
    }
    return paths;
}

std::vector<fs::path> training_tables(const std::vector<TableFile>& files) {
    for (const TableRole role : {TableRole::train, TableRole::whole, TableRole::unknown}) {
        std::vector<fs::path> paths = with_role(files, role);
        if (!paths.empty()) return paths;
    }
    return {};
}

}  // namespace vitrine
