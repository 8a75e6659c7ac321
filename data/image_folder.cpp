// Folders of images: one folder a class, whole or split into train/ and val/.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "data/folder_set.h"
#include "data/formats.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

/// The folders in `path`, sorted by the bytes of their names, as Python sorts them. Hidden ones are no
/// classes.
std::vector<std::string> class_folders(const fs::path& path) {
    std::vector<std::string> names;
    std::error_code failure;
    for (const fs::directory_entry& entry : fs::directory_iterator(path, failure)) {
        const std::string name = entry.path().filename().string();
        if (entry.is_directory(failure) && name.front() != '.') names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

bool has_class_folders(const fs::path& path) { return !class_folders(path).empty(); }

/// The folder of validation images beside train/; empty if there is none.
std::string validation_folder(const fs::path& path) {
    for (const char* name : {"val", "valid", "validation"}) {
        if (has_class_folders(path / name)) return name;
    }
    return "";
}

/// Adds all files below `folder` (relative to the listing's root), in the order of their names. `above` are
/// the real paths of the folders that lead here: a link to one of them would never end.
void list_files(FolderListing& listing, const fs::path& folder, int32_t label, std::vector<fs::path> above) {
    std::error_code failure;
    above.push_back(fs::canonical(listing.root / folder, failure));
    if (failure || std::count(above.begin(), above.end(), above.back()) > 1) return;
    std::vector<fs::path> entries;
    for (const fs::directory_entry& entry : fs::directory_iterator(listing.root / folder, failure)) {
        if (entry.path().filename().string().front() != '.')
            entries.push_back(folder / entry.path().filename());
    }
    if (failure) {
        throw Error(
            fmt::format("'{}' cannot be read ({})", (listing.root / folder).string(), failure.message()));
    }
    std::sort(entries.begin(), entries.end());
    for (const fs::path& entry : entries) {
        if (fs::is_directory(listing.root / entry, failure)) {
            list_files(listing, entry, label, above);
        } else if (has_image_extension(entry)) {
            listing.add_image(entry, label);
        } else {
            listing.add_non_image(entry);
        }
    }
}

/// Lists the classes in `folder` (relative to the root) and returns how many images that were.
int64_t list_classes(FolderListing& listing, const fs::path& folder,
                     const std::vector<std::string>& classes) {
    const size_t before = listing.files.size();
    for (size_t label = 0; label < classes.size(); ++label) {
        const size_t start = listing.files.size();
        list_files(listing, folder / classes[label], static_cast<int32_t>(label), {});
        if (listing.files.size() == start) {
            throw Error(fmt::format(
                "the class folder '{}' has no image (a file that ends in .jpg, .jpeg, .png, .ppm, "
                ".bmp, .pgm, .tif, .tiff or .webp)",
                (listing.root / folder / classes[label]).string()));
        }
    }
    return static_cast<int64_t>(listing.files.size() - before);
}

void require_same_classes(const std::vector<std::string>& train, const std::vector<std::string>& validation,
                          const fs::path& root, const std::string& validation_name) {
    std::vector<std::string> only_train, only_validation;
    std::set_difference(train.begin(), train.end(), validation.begin(), validation.end(),
                        std::back_inserter(only_train));
    std::set_difference(validation.begin(), validation.end(), train.begin(), train.end(),
                        std::back_inserter(only_validation));
    std::vector<std::string> differences;
    if (!only_train.empty())
        differences.push_back(fmt::format("only train has {}", fmt::join(only_train, ", ")));
    if (!only_validation.empty()) {
        differences.push_back(
            fmt::format("only {} has {}", validation_name, fmt::join(only_validation, ", ")));
    }
    if (differences.empty()) return;
    throw Error(fmt::format("the classes of '{}' and '{}' differ: {}", (root / "train").string(),
                            (root / validation_name).string(), fmt::join(differences, "; ")));
}

/// train/ and val/.
Dataset load_split_folders(const DatasetOptions& options, const std::string& validation_name) {
    FolderListing listing{options.path};
    const std::vector<std::string> classes = class_folders(options.path / "train");
    require_same_classes(classes, class_folders(options.path / validation_name), options.path,
                         validation_name);
    const int64_t train_files = list_classes(listing, "train", classes);
    refuse_validation_share(options, "image_folder", list_classes(listing, validation_name, classes));
    return load_listing(listing, classes, train_files, options.folder_size, options);
}

/// One folder of class folders: the validation images are held out of it.
Dataset load_one_folder(const DatasetOptions& options, const fs::path& folder) {
    constexpr double default_share = 0.2;
    FolderListing listing{options.path};
    const std::vector<std::string> classes = class_folders(options.path / folder);
    if (classes.empty()) {
        throw Error(fmt::format("'{}' has no images: a folder for each class is needed in it",
                                options.path.string()));
    }
    const int64_t files = list_classes(listing, folder, classes);
    Dataset dataset = load_listing(listing, classes, files, options.folder_size, options);
    const Split split =
        stratified_split(dataset.train.labels, options.validation.value_or(default_share), options.seed);
    dataset.notices.push_back(
        fmt::format("'{}' has no validation images of its own: {} of its {} images are held out",
                    options.path.string(), split.held_out.size(), dataset.train.count));
    dataset.validation = dataset.train.select(split.held_out);
    dataset.train = dataset.train.select(split.kept);
    return dataset;
}

Dataset load_image_folder(const DatasetOptions& options) {
    if (!has_class_folders(options.path / "train")) return load_one_folder(options, "");
    const std::string validation_name = validation_folder(options.path);
    return validation_name.empty() ? load_one_folder(options, "train")
                                   : load_split_folders(options, validation_name);
}

}  // namespace

DatasetFormat image_folder_format() {
    return {"image_folder", "train/CLASS/* and val/CLASS/*, or CLASS/*", has_class_folders,
            load_image_folder};
}

}  // namespace vitrine
