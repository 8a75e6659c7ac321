// The tables that make up a data set, chosen among those of a folder, or one that the user names.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/file_listing.h"
#include "data/tables/labelled_rows.h"

namespace vitrine {

struct TableSet {
    std::vector<PartTable> tables;  // the training table first
    std::vector<std::string> notices;
};

/// `path` is a folder or a table. Throws Error where a folder has no table of training images, or two; where
/// the columns of one cannot be told; and where it has no classes. A test table without classes is left alone.
TableSet find_tables(const std::filesystem::path& path, const ImageIndex& index, const ColumnChoice& choice);

/// Whether the folder holds a table that says more of its images than its class folders do, where it has
/// some: other classes, or parts.
bool has_image_table(const std::filesystem::path& folder);

/// The folder that the tables' images are in: `path` itself, or the one that holds the table.
std::filesystem::path root_of_tables(const std::filesystem::path& path);

}  // namespace vitrine
