// What the kinds made of image files share: a listing of files with labels, and loading it through the cache.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/cache.h"
#include "data/dataset.h"
#include "data/file_listing.h"

namespace vitrine {

/// Files below one root: those to decode, each with its class, and those that were left out.
struct FolderListing {
    std::filesystem::path root;
    std::vector<ImageFile> files = {};
    std::vector<int32_t> labels = {};
    std::vector<SkippedFile> skipped = {};

    void add(ImageFile image, int32_t label);
    /// The images as one class, and what was left out beside them.
    void add(FileListing found, int32_t label);
};

/// Packs the files and makes the first `train_files` of them the training set, the rest the validation set.
/// Skipped files are in neither. With options.strict a damaged one is an Error; without, a class of which no
/// training image is left. `class_names` are as they are in the file system.
Dataset load_listing(const FolderListing& listing, const std::vector<std::string>& class_names,
                     int64_t train_files, int64_t default_image_size, const DatasetOptions& options);

}  // namespace vitrine
