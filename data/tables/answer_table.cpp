// Tables to be filled in: see answer_table.h.

#include "data/tables/answer_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "data/tables/labelled_rows.h"
#include "data/tables/table_files.h"
#include "data/tables/table_set.h"
#include "engine/error.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

/// Where tables of a folder's images may be, and the images meant, as a listing has them.
struct Place {
    fs::path root;
    std::string folder;  // from there

    fs::path searched() const { return folder.empty() ? root : root / folder; }
};

/// The folder itself, and the one that it is in.
std::array<Place, 2> places_of(const fs::path& folder) {
    std::error_code failure;
    fs::path full = folder;
    if (!full.has_filename()) full = full.parent_path();
    if (full.filename() == "." || full.filename() == ".." || !full.has_parent_path())
        full = fs::absolute(full, failure).lexically_normal();
    if (!full.has_filename()) full = full.parent_path();
    return {Place{folder, ""}, Place{full.parent_path(), full.filename().string()}};
}

/// The columns that are called as the classes are; empty unless each class has one.
std::vector<size_t> columns_of_classes(const Table& table, const std::vector<std::string>& classes) {
    std::vector<size_t> columns;
    for (const std::string& name : classes) {
        const auto found = std::ranges::find(table.header, name);
        if (found == table.header.end()) return {};
        columns.push_back(static_cast<size_t>(found - table.header.begin()));
    }
    return columns;
}

AnswerFormat format_of(const Table& table, size_t image, const std::string& label) {
    return {table.header[image], label, table.has_header, has_quoted_fields(table.file), table.separator};
}

/// What the column of classes is called in the training table beside this one.
std::string usual_label(const fs::path& root) {
    const std::optional<AnswerStyle> style = find_answer_style(root);
    return style ? style->format.label_column : AnswerFormat{}.label_column;
}

/// The columns of images and of classes; a table of images alone has none of these.
Columns columns_of(const Table& table, const ImageIndex& index, const ColumnChoice& choice,
                   bool is_submission, bool has_probabilities) {
    if (is_submission && !has_probabilities) return find_columns(table, index, choice);
    Columns columns;
    columns.image = find_image_column(table, index, choice.image);
    if (!has_probabilities && !choice.label.empty()) columns = find_columns(table, index, choice);
    return columns;
}

std::optional<AnswerTable> read_answers(const fs::path& file, const Place& place, const ColumnChoice& choice,
                                        const std::vector<std::string>& classes, bool must_fit) {
    FileListing found = list_images(place.root, place.folder);
    const ImageIndex index(place.root, found);
    PartTable from{read_rows(file), {}, SplitPart::test, SplitPart::test};
    find_header(from.table, index);
    AnswerTable answers;
    answers.of_classes = columns_of_classes(from.table, classes);
    const bool is_submission = table_role(file) == TableRole::submission;
    from.columns = columns_of(from.table, index, choice, is_submission, !answers.of_classes.empty());
    if (!must_fit && !names_an_image(from, index)) return std::nullopt;
    answers.image = from.columns.image;
    answers.label = from.columns.label;
    from.columns.label.reset();  // what stands there is to be replaced
    from.columns.part.reset();
    answers.images.resize(from.table.rows.size());
    std::set<size_t> named;
    for (const LabelledImage& row : images_of_rows(place.searched(), from, found, index)) {
        answers.images[row.row] = place.root / found.images[row.image].path;
        named.insert(row.image);
    }
    answers.unnamed = found.images.size() - named.size();
    answers.format = format_of(from.table, answers.image,
                               answers.label ? from.table.header[*answers.label] : usual_label(place.root));
    answers.table = std::move(from.table);
    std::ranges::copy_if(found.skipped, std::back_inserter(answers.skipped),
                         [](const SkippedFile& skipped) { return skipped.kind == SkippedKind::damaged; });
    return answers;
}

}  // namespace

std::optional<AnswerTable> find_answer_table(const fs::path& input, const ColumnChoice& choice,
                                             const std::vector<std::string>& classes) {
    std::error_code failure;
    if (!fs::is_directory(input, failure)) {
        if (!has_table_extension(input)) return std::nullopt;
        return read_answers(input, {root_of_tables(input), ""}, choice, classes, true);
    }
    for (const Place& place : places_of(input)) {
        const std::vector<TableFile> files = tables_in(place.root);
        for (const TableRole role : {TableRole::submission, TableRole::test}) {
            for (const fs::path& file : with_role(files, role)) {
                if (std::optional<AnswerTable> found = read_answers(file, place, choice, classes, false))
                    return found;
            }
        }
    }
    return std::nullopt;
}

std::optional<AnswerStyle> find_answer_style(const fs::path& folder) {
    for (const Place& place : places_of(folder)) {
        const std::vector<fs::path> files = training_tables(tables_in(place.root));
        if (files.empty() || table_role(files.front()) == TableRole::unknown) continue;
        const FileListing found = list_images(place.root, "");
        const ImageIndex index(place.root, found);
        try {
            const PartTable table = find_tables(place.root, index, {}).tables.front();
            for (const TableRow& row : table.table.rows) {
                const std::string& cell = row.cells[table.columns.image];
                const NamedImage named = index.find(cell, table.folder);
                if (named.how != NamedImage::How::found) continue;
                const fs::path path = found.images[named.image].path;
                AnswerStyle style{
                    format_of(table.table, table.columns.image, table.table.header[*table.columns.label])};
                style.with_extension = fs::path(cell).filename() == path.filename();
                if (fs::path(cell).has_parent_path()) style.below = place.root;
                return style;
            }
        } catch (const Error&) {
            continue;  // somebody else's table
        }
    }
    return std::nullopt;
}

}  // namespace vitrine
