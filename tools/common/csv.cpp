// Comma-separated values: see csv.h.

#include "tools/common/csv.h"

namespace vitrine::tools {
namespace {

/// Whether a spreadsheet takes the cell for a formula, or would without the apostrophes before it.
bool is_formula(std::string_view text) {
    const size_t start = text.find_first_not_of('\'');
    return start != text.npos && std::string_view("=+-@\t\r\n").find(text[start]) != text.npos;
}

}  // namespace

std::string csv_field(std::string_view text) {
    const std::string cell = (is_formula(text) ? "'" : "") + std::string(text);
    // A semicolon or a tab separates nothing here, but to a spreadsheet of another country it may.
    if (cell.find_first_of(",\"\r\n;\t") == std::string::npos) return cell;
    std::string quoted = "\"";
    for (const char c : cell) {
        if (c == '"') quoted += '"';
        quoted += c;
    }
    return quoted + '"';
}

std::string csv_line(std::initializer_list<std::string_view> fields) {
    std::string line;
    for (const std::string_view field : fields) line += csv_field(field) + ',';
    line.back() = '\n';
    return line;
}

}  // namespace vitrine::tools
