// A table of images whose classes are to be filled in, such as a competition's test.csv or sample_submission.csv,
// and the format of its answers.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/tables/columns.h"
#include "data/tables/table.h"

namespace vitrine {

/// How rows of images and classes are written.
struct AnswerFormat {
    std::string image_column = "Id", label_column = "Category";
    bool has_header = true;
    bool has_quotes = true;
    char separator = ',';
};

struct AnswerTable {
    Table table;
    size_t image = 0;             // the column of images
    std::optional<size_t> label;  // that of classes, where there is one
    /// A column for each of the model's classes, to hold its probability, in place of one of classes.
    std::vector<size_t> of_classes;
    AnswerFormat format;  // of image and class alone
    /// For each row its image; an empty path where that was left out as damaged.
    std::vector<std::filesystem::path> images;
    std::vector<SkippedFile> skipped;  // of the folder that was searched
    size_t unnamed = 0;                // images there that no row names
};

/// The table that `input` is; or of an input that is a folder the sample_submission.csv, else the test.csv, in
/// it or beside it whose rows name images below `input`. Nothing where there is none. `classes` are the model's. Throws
/// Error where some rows name images that are not there, and where the columns cannot be told.
std::optional<AnswerTable> find_answer_table(const std::filesystem::path& input, const ColumnChoice& choice,
                                             const std::vector<std::string>& classes);

/// The format of the training table in or beside a folder, for images that are in no table.
struct AnswerStyle {
    AnswerFormat format;
    bool with_extension = true;  // of the image's file
    /// Images are called by their paths from there; empty: by their names alone.
    std::filesystem::path below = {};
};

std::optional<AnswerStyle> find_answer_style(const std::filesystem::path& folder);

}  // namespace vitrine
