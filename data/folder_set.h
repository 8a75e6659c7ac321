// What the kinds made of image files share: a listing of files with labels, and loading it through the cache.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/cache.h"
#include "data/dataset.h"

namespace vitrine {

/// Files below one root: those to decode, each with its class, and those that are no images.
struct FolderListing {
    std::filesystem::path root;
    std::vector<ImageFile> files = {};
    std::vector<int32_t> labels = {};
    std::vector<SkippedFile> non_images = {};

    void add_image(const std::filesystem::path& relative, int32_t label);
    void add_non_image(const std::filesystem::path& relative);
};

/// Packs the files and makes the first `train_files` of them the training set, the rest the validation set.
/// Skipped files are in neither. With options.strict they are an Error; so is a class of which no training
/// image is left.
Dataset load_listing(const FolderListing& listing, const std::vector<std::string>& class_names,
                     int64_t train_files, int64_t default_image_size, const DatasetOptions& options);

}  // namespace vitrine
