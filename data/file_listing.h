// Which files below a folder are images: the one listing that training and predicting share.
//
// A folder is searched with all folders below it, linked ones too, each once, so that loops end and no image
// is listed twice. Left out without a word are names that begin with a dot and what systems leave behind
// (is_left_behind); with a word what Vitrine wrote itself, what cannot be read, and files that are no images.
// Only regular files are images, by the ends of their names (has_image_extension).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/cache.h"
#include "data/dataset.h"

namespace vitrine {

/// Folders in folders that are searched; below that is no sensible data set, but a loop or an accident.
inline constexpr int deepest_folder = 64;

struct FileListing {
    std::vector<ImageFile> images;  // paths from the root, in the order of names
    std::vector<SkippedFile> skipped;
    std::vector<std::string> own_folders;  // Vitrine's own runs and caches, from the root
};

/// What is below `folder`, a path from `root` ("" for the root itself).
FileListing list_images(const std::filesystem::path& root, const std::string& folder);

/// True as soon as an image is found that list_images would list.
bool holds_image(const std::filesystem::path& folder);

/// Names of folders that are no data: __MACOSX, @eaDir, lost+found, …
bool is_left_behind(const std::string& name);

}  // namespace vitrine
