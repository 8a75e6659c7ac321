// A file of rows and columns: comma-separated values, or a list of paths and classes.
//
// .csv and .tsv are read by libcsv as RFC 4180 has it: fields in quotes may hold separators, quotes (doubled)
// and line ends. What separates the fields (a comma, a semicolon or a tab) is told by the first line. Spaces
// round a field without quotes are no part of it. A byte order mark, blank lines, rows of nothing but
// separators and all kinds of line ends are fine.
// Other names (.txt, .lst, .list) are lists without quotes: a tab, else a comma or semicolon, else the last
// space of a line separates the path from its class.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace vitrine {

struct TableRow {
    int64_t line = 0;  // of the file, from 1, in which it begins
    std::vector<std::string> cells;
};

struct Table {
    std::filesystem::path file;
    char separator = ',';
    bool has_header = false;          // or the columns are numbered
    std::vector<std::string> header;  // names of the columns
    std::vector<TableRow> rows;       // each with as many cells as the header

    std::string name() const { return file.filename().string(); }
};

/// True for names that end in .csv .tsv .txt .lst or .list, in either case.
bool has_table_extension(const std::filesystem::path& file);

/// True for .csv and .tsv, whose fields may be in quotes.
bool has_quoted_fields(const std::filesystem::path& file);

/// All rows; the header is empty, and name_columns or number_columns is yet to be called. Throws Error for a
/// file that cannot be read, is no text (UTF-16, NUL), or has a quote that does not fit, with its line.
Table read_rows(const std::filesystem::path& file);

/// Makes the first row the header. Throws Error where there is none, or a row has another number of cells.
void name_columns(Table& table);

/// Calls the columns "column 1", "column 2", …; throws as name_columns does.
void number_columns(Table& table);

}  // namespace vitrine
