// Telling columns apart: see columns.h.

#include "data/tables/columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <vector>

#include "data/folder_words.h"
#include "data/image.h"
#include "engine/error.h"

namespace vitrine {
namespace {

using Words = std::vector<std::string_view>;

const Words image_words = {"id",        "image",    "images",    "imageid", "imagename", "imagepath",
                           "imagefile", "img",      "imgid",     "imgname", "imgpath",   "imagefilename",
                           "idcode",    "file",     "files",     "fileid",  "filename",  "filenames",
                           "fname",     "filepath", "filepaths", "path",    "paths",     "name",
                           "photo",     "photoid",  "picture",   "pic",     "uuid",      "relpath"};
const Words label_words = {"label",   "labels",    "labelname", "labelid",    "class",      "classes",
                           "classid", "classname", "category",  "categories", "categoryid", "categoryname",
                           "target",  "targets",   "breed",     "species",    "diagnosis",  "y"};
const Words part_words = {"split", "splits", "set",     "subset", "dataset", "partition", "part",
                          "phase", "usage",  "isvalid", "isval",  "istest",  "istrain",   "isvalidation"};

/// Letters and digits in lower case: "Image_ID" is imageid.
std::string plain(const std::string& name) {
    std::string letters;
    for (const char c : name) {
        if (c >= 'A' && c <= 'Z') letters += static_cast<char>(c - 'A' + 'a');
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) letters += c;
    }
    return letters;
}

bool is_one_of(const Words& words, const std::string& column) {
    return std::ranges::find(words, plain(column)) != words.end();
}

bool is_number(const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789.-+eE") == std::string::npos;
}

std::string columns_of(const Table& table) {
    return fmt::format("the columns of the table {} are {}", in_quotes(table.file),
                       list_in_quotes(table.header));
}

size_t column_called(const Table& table, const std::string& name, const char* flag) {
    const auto found = std::ranges::find(table.header, name);
    if (found == table.header.end())
        throw Error(
            fmt::format("{} {}: there is no such column; {}", flag, in_quotes(name), columns_of(table)));
    return static_cast<size_t>(found - table.header.begin());
}

/// Some rows, from all over the table, in which a column shows what it holds.
std::vector<const TableRow*> sample_of(const Table& table) {
    constexpr size_t most = 200;
    std::vector<const TableRow*> sample;
    const size_t step = std::max<size_t>(1, table.rows.size() / most);
    for (size_t i = 0; i < table.rows.size(); i += step) sample.push_back(&table.rows[i]);
    return sample;
}

/// How many of some cells of each column name images that are there. Whole names count twice: a number may be that
/// of an image by chance.
std::vector<int64_t> count_images(const Table& table, const ImageIndex& index) {
    std::vector<int64_t> counts(table.header.size(), 0);
    for (const TableRow* row : sample_of(table)) {
        for (size_t i = 0; i < counts.size(); ++i) {
            const NamedImage::How how = index.find(row->cells[i], std::nullopt).how;
            if (how == NamedImage::How::missing || how == NamedImage::How::outside) continue;
            counts[i] += has_image_extension(row->cells[i]) ? 2 : 1;
        }
    }
    return counts;
}

size_t image_column(const Table& table, const ImageIndex& index, const std::string& wanted) {
    if (!wanted.empty()) return column_called(table, wanted, "--image-column");
    const std::vector<int64_t> counts = count_images(table, index);
    std::vector<size_t> named, others;
    for (size_t i = 0; i < table.header.size(); ++i)
        (is_one_of(image_words, table.header[i]) ? named : others).push_back(i);
    const auto most = [&](const std::vector<size_t>& some) {
        return *std::ranges::max_element(some, {}, [&](size_t i) { return counts[i]; });
    };
    if (!named.empty() && (counts[most(named)] > 0 || others.empty())) return most(named);
    if (!others.empty()) {
        const size_t best = most(others);
        const auto equal = std::ranges::count_if(others, [&](size_t i) { return counts[i] == counts[best]; });
        if (counts[best] > 0 && equal == 1) return best;
    }
    if (named.size() == 1) return named.front();
    throw Error(fmt::format("{}: which one names the images cannot be told; say it with --image-column",
                            columns_of(table)));
}

/// Whether two columns say the same in other words.
bool correspond(const Table& table, size_t first, size_t second) {
    std::map<std::string_view, std::string_view> there, back;
    return std::ranges::all_of(table.rows, [&](const TableRow& row) {
        const std::string_view a = row.cells[first], b = row.cells[second];
        return there.emplace(a, b).first->second == b && back.emplace(b, a).first->second == a;
    });
}

/// Of several columns with names of classes; nothing where they say different things.
std::optional<size_t> best_label(const Table& table, const std::vector<size_t>& named) {
    for (const size_t i : named) {
        if (!correspond(table, named.front(), i)) return std::nullopt;
    }
    for (const size_t i : named) {
        const bool numbers =
            std::ranges::all_of(table.rows, [&](const TableRow& row) { return is_number(row.cells[i]); });
        if (!numbers) return i;
    }
    return named.front();
}

std::optional<size_t> label_column(const Table& table, const Columns& columns, const std::string& wanted) {
    if (!wanted.empty()) return column_called(table, wanted, "--label-column");
    std::vector<size_t> named, others;
    for (size_t i = 0; i < table.header.size(); ++i) {
        if (i == columns.image || i == columns.part || table.header[i].empty())
            continue;  // "": a row's number
        if (is_one_of(label_words, table.header[i])) {
            named.push_back(i);
        } else if (!is_one_of(image_words, table.header[i])) {
            others.push_back(i);
        }
    }
    std::optional<size_t> best;
    if (!named.empty()) best = best_label(table, named);
    if (named.empty() && others.size() == 1) best = others.front();
    const bool is_list = !table.has_header && !has_quoted_fields(table.file);
    if (is_list && !best && columns.image + 1 < table.header.size()) best = columns.image + 1;
    if (best || (named.empty() && others.empty())) return best;
    throw Error(fmt::format("{}: which one holds the classes cannot be told; say it with --label-column",
                            columns_of(table)));
}

/// A column of which no cell names a part is called so for another reason.
std::optional<size_t> part_column(const Table& table) {
    for (size_t i = 0; i < table.header.size(); ++i) {
        if (!is_one_of(part_words, table.header[i])) continue;
        const bool any = std::ranges::any_of(table.rows, [&](const TableRow& row) {
            return part_of_cell(row.cells[i], table.header[i]).has_value();
        });
        if (any) return i;
    }
    return std::nullopt;
}

}  // namespace

std::optional<SplitPart> part_of_cell(const std::string& cell, const std::string& column) {
    const std::string name = plain(column), value = plain(cell);
    if (name.starts_with("is")) {
        const SplitPart yes = name == "istrain"  ? SplitPart::train
                              : name == "istest" ? SplitPart::test
                                                 : SplitPart::validation;
        const SplitPart no = name == "istrain" ? SplitPart::validation : SplitPart::train;
        for (const char* word : {"true", "1", "yes", "y", "t"}) {
            if (value == word) return yes;
        }
        for (const char* word : {"false", "0", "no", "n", "f"}) {
            if (value == word) return no;
        }
        return std::nullopt;
    }
    const std::optional<SplitName> part = split_name(cell);
    return part ? std::optional(part->part) : std::nullopt;
}

void find_header(Table& table, const ImageIndex& index) {
    const bool is_data =
        !table.rows.empty() && std::ranges::any_of(table.rows.front().cells, [&](const std::string& cell) {
            return has_image_extension(cell) || index.find(cell, std::nullopt).how == NamedImage::How::found;
        });
    if (is_data) {
        number_columns(table);
    } else {
        name_columns(table);
    }
}

size_t find_image_column(const Table& table, const ImageIndex& index, const std::string& wanted) {
    if (table.rows.empty())
        throw Error(fmt::format("the table {} has a header and no rows", in_quotes(table.file)));
    return image_column(table, index, wanted);
}

Columns find_columns(const Table& table, const ImageIndex& index, const ColumnChoice& choice) {
    Columns columns;
    columns.image = find_image_column(table, index, choice.image);
    columns.part = part_column(table);
    if (columns.part == columns.image) columns.part.reset();
    columns.label = label_column(table, columns, choice.label);
    return columns;
}

}  // namespace vitrine
