// The folders that are classes, and what keeps them from being trained on.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/file_listing.h"
#include "data/folder_layout.h"

namespace vitrine {

struct ClassFolder {
    std::string name;
    FileListing found;
};

/// The classes in `folder` (from the data set's path) with their images, in the order of the names' bytes, as
/// Python sorts them. Folders that hold nothing but what Vitrine wrote are none. Throws Error for a class
/// without images and, unless the kind is class_folders, for folders that are not what a class looks like.
/// What the user should know is added to `notices`.
std::vector<ClassFolder> list_classes(const DatasetOptions& options, const std::string& folder,
                                      std::vector<std::string>& notices);

/// Throws Error where training and validation have other classes; both lists are sorted.
void require_same_classes(const std::filesystem::path& root, const FolderLayout& layout,
                          const std::vector<std::string>& train, const std::vector<std::string>& validation);

/// Throws Error for a single class, with what was found below it and the command that would use that.
void require_two_classes(const DatasetOptions& options, const std::string& folder,
                         const std::vector<ClassFolder>& classes);

}  // namespace vitrine
