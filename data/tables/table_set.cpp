// Choosing the tables of a data set: see table_set.h.

#include "data/tables/table_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "data/folder_layout.h"
#include "data/folder_words.h"
#include "data/tables/table_files.h"
#include "engine/error.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

std::string columns_of(const Table& table) {
    return fmt::format("the columns of the table {} are {}", in_quotes(table.file),
                       list_in_quotes(table.header));
}

/// The part that a table's name says it is of.
std::optional<SplitPart> part_of_table(const fs::path& file) {
    const std::optional<TableRole> role = table_role(file);
    if (role == TableRole::train) return SplitPart::train;
    if (role == TableRole::validation) return SplitPart::validation;
    if (role == TableRole::test) return SplitPart::test;
    return std::nullopt;
}

PartTable read_table(const fs::path& file, const ImageIndex& index, const ColumnChoice& choice) {
    PartTable table{read_rows(file), {}, part_of_table(file)};
    find_header(table.table, index);
    table.columns = find_columns(table.table, index, choice);
    return table;
}

/// The only one of the files that can be read as a table with classes; throws what is wrong with the last one
/// where none can, and where two can.
PartTable only_labelled(const std::vector<fs::path>& files, const ImageIndex& index,
                        const ColumnChoice& choice) {
    std::vector<PartTable> found;
    std::string wrong;
    for (const fs::path& file : files) {
        try {
            PartTable table = read_table(file, index, choice);
            if (table.columns.label) {
                found.push_back(std::move(table));
            } else {
                wrong = fmt::format("{}: none of them holds classes; say which does with --label-column",
                                    columns_of(table.table));
            }
        } catch (const Error& error) {
            wrong = error.what();
        }
    }
    if (found.empty()) throw Error(wrong);
    if (found.size() > 1)
        throw Error(fmt::format("both {} and {} are called like tables of the same images; name one: {}",
                                in_quotes(found[0].table.file), in_quotes(found[1].table.file),
                                data_option(found[0].table.file)));
    return std::move(found.front());
}

/// What the columns of a table that goes with the training table are called, where it has the same ones.
ColumnChoice same_columns(const PartTable& train, const Table& other) {
    const auto named = [&](size_t column) {
        const std::string& name = train.table.header[column];
        return std::ranges::find(other.header, name) == other.header.end() ? "" : name;
    };
    return {named(train.columns.image), named(*train.columns.label)};
}

/// Nothing where it has no classes.
std::optional<PartTable> read_part(const fs::path& file, SplitPart part, const PartTable& train,
                                   const ImageIndex& index) {
    Table table = read_rows(file);
    find_header(table, index);
    const ColumnChoice choice = same_columns(train, table);
    if (part == SplitPart::test && choice.label.empty()) return std::nullopt;
    PartTable read{std::move(table), {}, part, part};
    read.columns = find_columns(read.table, index, choice);
    read.columns.part.reset();
    if (!read.columns.label)
        throw Error(fmt::format("{}: none of them holds classes", columns_of(read.table)));
    return read;
}

/// A test table in which no row has a class is one to be filled in.
bool has_labels(const PartTable& table) {
    return std::ranges::any_of(table.table.rows,
                               [&](const TableRow& row) { return !row.cells[*table.columns.label].empty(); });
}

void add_parts(TableSet& set, const std::vector<TableFile>& files, const ImageIndex& index) {
    for (const auto& [role, part] :
         {std::pair{TableRole::validation, SplitPart::validation}, {TableRole::test, SplitPart::test}}) {
        const std::vector<fs::path> paths = with_role(files, role);
        if (paths.size() > 1)
            throw Error(fmt::format("both {} and {} are called like the table of the {} images",
                                    in_quotes(paths[0]), in_quotes(paths[1]), name_of(part)));
        if (paths.empty()) continue;
        std::optional<PartTable> table = read_part(paths.front(), part, set.tables.front(), index);
        if (table && (part != SplitPart::test || has_labels(*table))) {
            set.tables.push_back(std::move(*table));
        } else {
            set.notices.push_back(
                fmt::format("the table {} has no classes and is left alone", in_quotes(paths.front())));
        }
    }
}

std::string described(const PartTable& table) {
    return fmt::format("the classes are the column {} of {}, by the images of its column {}",
                       in_quotes(table.table.header[*table.columns.label]),
                       in_quotes(table.table.file.filename()),
                       in_quotes(table.table.header[table.columns.image]));
}

bool has_class_folders(const fs::path& folder) {
    const auto count_below = [](const fs::path& place) {
        const std::vector<std::string> folders = contents_of(place).folders;
        return std::ranges::count_if(folders,
                                     [&](const std::string& name) { return holds_image(place / name); });
    };
    for (const std::string& name : contents_of(folder).folders) {
        const std::optional<SplitName> part = split_name(name);
        if (part && part->part == SplitPart::train && count_below(folder / name) > 1) return true;
    }
    return count_below(folder) > 1;
}

/// Whether each row's class is the folder that its image is in, and no row is of another part.
bool says_what_folders_say(const TableSet& set, const FileListing& listing, const ImageIndex& index) {
    if (set.tables.size() > 1 || set.tables.front().columns.part) return false;
    const PartTable& table = set.tables.front();
    return std::ranges::all_of(table.table.rows, [&](const TableRow& row) {
        const NamedImage named = index.find(row.cells[table.columns.image], table.folder);
        if (named.how == NamedImage::How::left_out) return true;
        if (named.how != NamedImage::How::found) return false;
        const fs::path folder = fs::path(listing.images[named.image].path).parent_path();
        return folder.filename() == row.cells[*table.columns.label];
    });
}

}  // namespace

TableSet find_tables(const fs::path& path, const ImageIndex& index, const ColumnChoice& choice) {
    std::error_code failure;
    const bool is_folder = fs::is_directory(path, failure);
    const std::vector<TableFile> files = is_folder ? tables_in(path) : std::vector<TableFile>{};
    const std::vector<fs::path> training = is_folder ? training_tables(files) : std::vector{path};
    if (training.empty())
        throw Error(fmt::format("{} has no table of training images: {} or {} is expected", in_quotes(path),
                                in_quotes(path / "train.csv"), in_quotes(path / "labels.csv")));
    TableSet set;
    set.tables.push_back(only_labelled(training, index, choice));
    PartTable& train = set.tables.front();
    set.notices.push_back(described(train));
    if (is_folder && !train.columns.part) add_parts(set, files, index);
    return set;
}

bool has_image_table(const fs::path& folder) {
    const std::vector<fs::path> training = training_tables(tables_in(folder));
    if (training.empty()) return false;
    const bool has_classes = has_class_folders(folder);
    // A list of 'a b' may be anything, and so may any table be beside class folders.
    if (!has_classes && has_quoted_fields(training.front())) return true;
    const FileListing listing = list_images(folder, "");
    const ImageIndex index(folder, listing);
    try {
        const TableSet set = find_tables(folder, index, {});
        return names_an_image(set.tables.front(), index) &&
               !(has_classes && says_what_folders_say(set, listing, index));
    } catch (const Error&) {
        return false;
    }
}

fs::path root_of_tables(const fs::path& path) {
    std::error_code failure;
    if (fs::is_directory(path, failure)) return path;
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

}  // namespace vitrine
