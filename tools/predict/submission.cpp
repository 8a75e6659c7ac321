// Writing predictions as a table wants them: see submission.h.

#include "tools/predict/submission.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/folder_words.h"
#include "engine/atomic_file.h"
#include "engine/escape.h"
#include "tools/common/csv.h"
#include "tools/common/run_program.h"

namespace vitrine::predict {
namespace {

namespace fs = std::filesystem;

/// A cell of a table that is to be filled in, as it stands there: whoever reads it compares it with that.
std::string cell_of(const std::string& text, const AnswerFormat& format) {
    const bool plain = text.find_first_of(std::string("\"\r\n") + format.separator) == std::string::npos &&
                       !text.starts_with(' ') && !text.ends_with(' ');
    if (plain || !format.has_quotes) return text;
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"') quoted += '"';
        quoted += c;
    }
    return quoted + '"';
}

std::string line_of(const std::vector<std::string>& cells, const AnswerFormat& format) {
    std::string line;
    for (const std::string& cell : cells) line += cell_of(cell, format) + format.separator;
    line.back() = '\n';
    return line;
}

/// A name that no table gave, with nothing in it that a spreadsheet would run.
std::string guarded_line(const std::string& id, const std::string& category, const AnswerFormat& format) {
    if (!format.has_quotes) return line_of({id, category}, format);
    return tools::csv_field(id) + format.separator + tools::csv_field(category) + '\n';
}

std::string id_of(const fs::path& image, const AnswerStyle& style) {
    fs::path id = image.filename();
    if (!style.below.empty()) {
        std::error_code failure;
        const fs::path relative = fs::relative(image, style.below, failure);
        if (!failure && !relative.empty() && *relative.begin() != "..") id = relative;
    }
    if (!style.with_extension) id.replace_extension();
    return id.string();
}

}  // namespace

Submission::Submission(std::optional<AnswerTable> table, std::optional<AnswerStyle> style,
                       std::vector<std::string> classes)
    : table_(std::move(table)), style_(style.value_or(AnswerStyle{})), classes_(std::move(classes)) {
    if (style_.format.has_header)
        rows_ = line_of({style_.format.image_column, style_.format.label_column}, style_.format);
}

int64_t Submission::guesses_needed() const {
    return table_ && !table_->of_classes.empty() ? std::ssize(classes_) : 1;
}

void Submission::add(const fs::path& image, const std::vector<Guess>& guesses) {
    if (table_) {
        guesses_[image] = guesses;
        return;
    }
    const std::string id = id_of(image, style_);
    if (++ids_[id] == 2) tools::tell("predict", fmt::format("the Id {} is in the CSV file twice", id));
    rows_ += guarded_line(id, classes_[static_cast<size_t>(guesses.front().class_index)], style_.format);
}

std::string Submission::text_of_table() const {
    const Table& table = table_->table;
    const bool whole_rows = table_->label || !table_->of_classes.empty();
    std::string text;
    if (table_->format.has_header)
        text = whole_rows
                   ? line_of(table.header, table_->format)
                   : line_of({table_->format.image_column, table_->format.label_column}, table_->format);
    for (size_t i = 0; i < table.rows.size(); ++i) {
        const auto found = guesses_.find(table_->images[i]);
        if (found == guesses_.end()) continue;
        const std::vector<Guess>& guesses = found->second;
        const std::string category = unescape(classes_[static_cast<size_t>(guesses.front().class_index)]);
        std::vector<std::string> cells = table.rows[i].cells;
        if (!whole_rows) cells = {cells[table_->image], category};
        if (table_->label) cells[*table_->label] = category;
        if (!table_->of_classes.empty()) {
            for (const Guess& guess : guesses)
                cells[table_->of_classes[static_cast<size_t>(guess.class_index)]] =
                    fmt::format("{:.6g}", guess.probability);
        }
        text += line_of(cells, table_->format);
    }
    return text;
}

void Submission::write(const fs::path& file) const {
    write_atomically(file, {table_ ? text_of_table() : rows_});
}

std::vector<std::string> notices_of(const AnswerTable& table) {
    std::vector<std::string> notices{
        fmt::format("the images are those of the table {}, in its order", in_quotes(table.table.file))};
    if (table.unnamed > 0)
        notices.push_back(fmt::format("{} without a row in it {} left out",
                                      counted(static_cast<int64_t>(table.unnamed), "image"),
                                      table.unnamed == 1 ? "is" : "are"));
    return notices;
}

}  // namespace vitrine::predict
