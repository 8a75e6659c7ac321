// Reading tables: see table.h.

#include "data/tables/table.h"

#include <csv.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <string_view>

#include "data/folder_words.h"
#include "engine/error.h"
#include "engine/input_file.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t largest_table = uint64_t{1} << 30;

std::string lower_extension(const fs::path& file) {
    std::string extension = file.extension().string();
    for (char& c : extension) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return extension;
}

std::string text_of(const fs::path& file) {
    std::string text;
    try {
        text = read_file(file, largest_table);
    } catch (const FileError& error) {
        throw Error(fmt::format("the table {} cannot be read ({})", in_quotes(file), error.reason));
    }
    if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
        throw Error(fmt::format("the table {} is UTF-16; save it as UTF-8", in_quotes(file)));
    if (text.find('\0') != std::string::npos)
        throw Error(fmt::format("the table {} is no text: it holds bytes of zero", in_quotes(file)));
    return text;
}

/// The lines with their ends.
std::vector<std::string_view> lines_of(std::string_view text) {
    const char end = text.find('\n') == std::string_view::npos ? '\r' : '\n';
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const size_t length = std::min(text.find(end), text.size() - 1) + 1;
        lines.push_back(text.substr(0, length));
        text.remove_prefix(length);
    }
    return lines;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    return text;
}

/// What separates the fields, by the first line that says something; 0 where nothing does.
char separator_of(const std::vector<std::string_view>& lines) {
    const auto first =
        std::ranges::find_if(lines, [](std::string_view line) { return !trimmed(line).empty(); });
    if (first == lines.end()) return 0;
    std::array<int64_t, 3> counts{};
    constexpr std::string_view separators = "\t;,";
    bool quoted = false;
    for (const char c : *first) {
        if (c == '"') quoted = !quoted;
        const size_t i = separators.find(c);
        if (!quoted && i != std::string_view::npos) ++counts[i];
    }
    if (counts[0] > 0) return '\t';
    if (counts[1] + counts[2] == 0) return 0;
    return counts[1] > counts[2] ? ';' : ',';
}

bool is_empty(const TableRow& row) {
    return std::ranges::all_of(row.cells, [](const std::string& cell) { return cell.empty(); });
}

/// What libcsv's callbacks fill.
struct Rows {
    std::vector<TableRow>& rows;
    TableRow row = {};
    int64_t line = 1;  // that is being parsed

    void end() {
        if (!is_empty(row)) rows.push_back(std::move(row));
        row = {};
    }
};

void parse_quoted(Table& table, const std::vector<std::string_view>& lines) {
    csv_parser parser{};
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0) throw std::bad_alloc();
    const std::unique_ptr<csv_parser, void (*)(csv_parser*)> owner(&parser, csv_free);
    csv_set_delim(&parser, static_cast<unsigned char>(table.separator));
    Rows state{table.rows};
    const auto cell = [](void* text, size_t length, void* into) {
        TableRow& row = static_cast<Rows*>(into)->row;
        row.cells.emplace_back(static_cast<const char*>(text), length);
    };
    const auto end = [](int, void* into) { static_cast<Rows*>(into)->end(); };
    const auto require = [&](bool done) {
        if (done) return;
        if (csv_error(&parser) == CSV_ENOMEM) throw std::bad_alloc();
        throw Error(fmt::format(
            "the table {} cannot be read from line {} on: {}", in_quotes(table.file), state.row.line,
            csv_error(&parser) == CSV_EPARSE ? "a quote is missing, or stands where it should be doubled"
                                             : csv_strerror(csv_error(&parser))));
    };
    bool in_quotes_still = false;
    for (const std::string_view line : lines) {
        if (state.row.cells.empty() && !in_quotes_still) state.row.line = state.line;
        require(csv_parse(&parser, line.data(), line.size(), cell, end, &state) == line.size());
        if (std::ranges::count(line, '"') % 2 != 0) in_quotes_still = !in_quotes_still;
        ++state.line;
    }
    require(csv_fini(&parser, cell, end, &state) == 0);
}

/// The path may have spaces, its class has none.
std::vector<std::string> split_at_last_space(std::string_view line) {
    const size_t space = line.find_last_of(' ');
    if (space == std::string_view::npos) return {std::string(line)};
    return {std::string(trimmed(line.substr(0, space))), std::string(line.substr(space + 1))};
}

std::vector<std::string> split_at(std::string_view line, char separator) {
    std::vector<std::string> cells;
    for (size_t start = 0; start <= line.size();) {
        const size_t end = std::min(line.find(separator, start), line.size());
        cells.emplace_back(trimmed(line.substr(start, end - start)));
        start = end + 1;
    }
    return cells;
}

void parse_list(Table& table, const std::vector<std::string_view>& lines) {
    int64_t number = 0;
    for (const std::string_view whole : lines) {
        const std::string_view line = whole.substr(0, whole.find_last_not_of("\r\n") == std::string_view::npos
                                                          ? 0
                                                          : whole.find_last_not_of("\r\n") + 1);
        TableRow row{++number, table.separator == ' ' ? split_at_last_space(trimmed(line))
                                                      : split_at(line, table.separator)};
        if (!is_empty(row)) table.rows.push_back(std::move(row));
    }
}

/// Empty cells at the end of a row, as a separator too many leaves them, are none.
void require_equal_lengths(Table& table) {
    const size_t columns = table.header.size();
    for (TableRow& row : table.rows) {
        while (row.cells.size() > columns && row.cells.back().empty()) row.cells.pop_back();
        if (row.cells.size() != columns)
            throw Error(fmt::format("line {} of the table {} has {}, but there are {}", row.line,
                                    in_quotes(table.file), counted(std::ssize(row.cells), "field"),
                                    counted(static_cast<int64_t>(columns), "column")));
    }
}

void require_rows(const Table& table) {
    if (table.rows.empty()) throw Error(fmt::format("the table {} is empty", in_quotes(table.file)));
}

}  // namespace

bool has_quoted_fields(const fs::path& file) {
    const std::string extension = lower_extension(file);
    return extension == ".csv" || extension == ".tsv";
}

bool has_table_extension(const fs::path& file) {
    const std::string extension = lower_extension(file);
    return has_quoted_fields(file) || extension == ".txt" || extension == ".lst" || extension == ".list";
}

Table read_rows(const fs::path& file) {
    const std::string text = text_of(file);
    const std::vector<std::string_view> lines = lines_of(text);
    Table table;
    table.file = file;
    table.separator = separator_of(lines);
    if (has_quoted_fields(file)) {
        if (table.separator == 0) table.separator = ',';
        parse_quoted(table, lines);
    } else {
        if (table.separator == 0) table.separator = ' ';
        parse_list(table, lines);
    }
    return table;
}

void name_columns(Table& table) {
    require_rows(table);
    table.has_header = true;
    table.header = std::move(table.rows.front().cells);
    table.rows.erase(table.rows.begin());
    require_equal_lengths(table);
}

void number_columns(Table& table) {
    require_rows(table);
    for (size_t i = 0; i < table.rows.front().cells.size(); ++i)
        table.header.push_back(fmt::format("column {}", i + 1));
    require_equal_lengths(table);
}

}  // namespace vitrine
