// Which column of a table names the images, which their classes, and which the parts of the data set.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "data/split_names.h"
#include "data/tables/image_index.h"
#include "data/tables/table.h"

namespace vitrine {

/// What the user says; empty: it is told by the columns' names.
struct ColumnChoice {
    std::string image = {};
    std::string label = {};
};

struct Columns {
    size_t image = 0;
    std::optional<size_t> label;  // none where the table has no column of classes
    std::optional<size_t> part;
};

/// Makes the first row the header unless a cell of it is, or looks like, the name of an image; then numbers
/// the columns.
void find_header(Table& table, const ImageIndex& index);

/// Images: a column with a name such as id, image, file or path, and of several of them the one whose cells
/// name images that are there; where none has such a name, the only column whose cells do. Classes: a column
/// with a name such as label, class or category; of two that say the same, as class_id and class_name, the
/// one that is not of numbers; where none has such a name, the only one that is left, or in a list what stands
/// behind the path. Parts: a column with a
/// name such as split or is_valid whose cells name parts.
/// Throws Error, with all columns and how to say which, where that is not certain.
Columns find_columns(const Table& table, const ImageIndex& index, const ColumnChoice& choice);

/// The column of images alone.
size_t find_image_column(const Table& table, const ImageIndex& index, const std::string& wanted);

/// The part that a cell of a column of parts names.
std::optional<SplitPart> part_of_cell(const std::string& cell, const std::string& column);

}  // namespace vitrine
