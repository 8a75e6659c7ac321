// The rows of a data set's tables as images with classes and parts, and what keeps them from being trained on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/split_names.h"
#include "data/tables/columns.h"
#include "data/tables/image_index.h"
#include "data/tables/table.h"

namespace vitrine {

/// A table, what its columns are, and what holds for its rows where no column of parts says something else.
struct PartTable {
    Table table;
    Columns columns;
    std::optional<SplitPart> folder;  // whose images are meant where several have the same name
    SplitPart part = SplitPart::train;
};

struct LabelledImage {
    size_t image = 0;  // in the listing
    std::string label;
    SplitPart part = SplitPart::train;
    size_t table = 0;  // in the list of tables
    size_t row = 0;    // of it
    int64_t line = 0;  // of that
};

struct LabelledRows {
    std::vector<LabelledImage> images;  // in the order of their paths, each once
    std::vector<std::string> notices;
};

/// Throws Error for rows that name images that are not there, outside of the folder or in several places,
/// rows without a class or a part, and for an image with two classes or in two parts: how many, and the first
/// three. Rows of images that were left out as damaged are left out with them.
LabelledRows label_images(const std::filesystem::path& root, const std::vector<PartTable>& tables,
                          const FileListing& listing, const ImageIndex& index);

/// The rows of one table in their order, with empty classes where it has no column of them. Throws as above.
std::vector<LabelledImage> images_of_rows(const std::filesystem::path& root, const PartTable& table,
                                          const FileListing& listing, const ImageIndex& index);

/// Whether a row names an image that is there.
bool names_an_image(const PartTable& table, const ImageIndex& index);

/// The names of the classes: numbers by their values where all are whole numbers, else by their bytes.
/// Throws Error where a class of the validation images is not one of the training images.
std::vector<std::string> class_names_of(const std::vector<LabelledImage>& images,
                                        const std::vector<PartTable>& tables);

}  // namespace vitrine
