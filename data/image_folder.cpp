// Folders of images: one folder a class, whole or split into train/ and val/ (folder_layout.h).

#include <fmt/format.h>

#include <algorithm>

#include "data/class_folders.h"
#include "data/folder_layout.h"
#include "data/folder_set.h"
#include "data/folder_words.h"
#include "data/formats.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_of(const std::vector<ClassFolder>& classes) {
    std::vector<std::string> names;
    for (const ClassFolder& each : classes) names.push_back(each.name);
    return names;
}

/// Adds the classes, labelled in their order, and returns how many images that were.
int64_t add_classes(FolderListing& listing, std::vector<ClassFolder> classes) {
    const size_t before = listing.files.size();
    for (size_t label = 0; label < classes.size(); ++label)
        listing.add(std::move(classes[label].found), static_cast<int32_t>(label));
    return static_cast<int64_t>(listing.files.size() - before);
}

/// A folder for training and one for validation.
Dataset load_split_folders(const DatasetOptions& options, const FolderLayout& layout) {
    std::vector<std::string> notices;
    std::vector<ClassFolder> train = list_classes(options, layout.train, notices);
    std::vector<ClassFolder> validation = list_classes(options, layout.validation, notices);
    const std::vector<std::string> names = names_of(train);
    require_same_classes(options.path, layout, names, names_of(validation));
    require_two_classes(options, layout.train, train);
    FolderListing listing{options.path};
    const int64_t train_files = add_classes(listing, std::move(train));
    refuse_validation_share(options, "image_folder", add_classes(listing, std::move(validation)));
    Dataset dataset = load_listing(listing, names, train_files, options.folder_size, options);
    std::ranges::move(notices, std::back_inserter(dataset.notices));
    return dataset;
}

/// One folder of class folders: the validation images are held out of it.
Dataset load_one_folder(const DatasetOptions& options, const std::string& folder) {
    std::vector<std::string> notices;
    std::vector<ClassFolder> classes = list_classes(options, folder, notices);
    require_two_classes(options, folder, classes);
    const std::vector<std::string> names = names_of(classes);
    FolderListing listing{options.path};
    const int64_t files = add_classes(listing, std::move(classes));
    Dataset dataset = load_listing(listing, names, files, options.folder_size, options);
    std::ranges::move(notices, std::back_inserter(dataset.notices));
    hold_out_validation(dataset, options);
    return dataset;
}

Dataset load_image_folder(const DatasetOptions& options) {
    const FolderLayout layout = find_layout(options.path);
    Dataset dataset = layout.validation.empty() ? load_one_folder(options, layout.train)
                                                : load_split_folders(options, layout);
    dataset.notices.insert(dataset.notices.begin(), layout.notices.begin(), layout.notices.end());
    return dataset;
}

bool has_folders_or_images(const fs::path& path) {
    const FolderContents contents = contents_of(path);
    return !contents.folders.empty() || contents.images > 0;
}

}  // namespace

DatasetFormat image_folder_format() {
    return {"image_folder", "train/CLASS/* and val/CLASS/*, or CLASS/*", has_folders_or_images,
            load_image_folder};
}

DatasetFormat class_folders_format() {
    return {"class_folders", "CLASS/*, only where it is named", [](const fs::path&) { return false; },
            [](const DatasetOptions& options) { return load_one_folder(options, ""); }};
}

}  // namespace vitrine
