// Tiny-ImageNet-200: train/WNID/images/*, and val/images with the classes in val/val_annotations.txt.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "data/folder_set.h"
#include "data/formats.h"
#include "engine/escape.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

constexpr int64_t native_size = 64;
const std::vector<std::string> published_folder = {"tiny-imagenet-200"};

fs::path find_root(const fs::path& path) {
    const fs::path root = find_beside(path, published_folder, "wnids.txt");
    std::error_code failure;
    return !root.empty() && fs::is_directory(root / "train", failure) ? root : fs::path();
}

/// Many scripts sort the validation images into class folders: then it is an image folder like others.
bool is_sorted_into_classes(const fs::path& root) {
    const std::vector<std::string> wnids = read_lines(root / "wnids.txt");
    std::error_code failure;
    return !wnids.empty() && fs::is_directory(root / "val" / wnids.front(), failure);
}

bool recognises(const fs::path& path) {
    const fs::path root = find_root(path);
    return !root.empty() && !is_sorted_into_classes(root);
}

int32_t class_of(const std::string& wnid, const std::vector<std::string>& wnids, const fs::path& file) {
    const auto found = std::lower_bound(wnids.begin(), wnids.end(), wnid);
    if (found == wnids.end() || *found != wnid) {
        throw Error(fmt::format("'{}' names the class '{}', which is not in wnids.txt", escape(file.string()),
                                escape(wnid)));
    }
    return static_cast<int32_t>(found - wnids.begin());
}

void list_train(FolderListing& listing, const std::vector<std::string>& wnids) {
    for (size_t label = 0; label < wnids.size(); ++label) {
        const std::string folder = "train/" + wnids[label] + "/images";
        FileListing found = list_images(listing.root, folder);
        if (found.images.empty()) {
            throw Error(fmt::format("the class folder '{}' is missing or has no image",
                                    escape((listing.root / folder).string())));
        }
        listing.add(std::move(found), static_cast<int32_t>(label));
    }
}

/// Each line: file name, class, four numbers of a box; separated by tabs.
void list_validation(FolderListing& listing, const std::vector<std::string>& wnids) {
    const fs::path annotations = listing.root / "val" / "val_annotations.txt";
    FileListing found = list_images(listing.root, "val/images");
    std::map<std::string, ImageFile> images;
    for (ImageFile& image : found.images) images.emplace(image.path, std::move(image));
    for (const std::string& line : read_lines(annotations)) {
        const size_t name_end = line.find('\t');
        if (name_end == std::string::npos) {
            throw Error(fmt::format("'{}' has the line '{}'; a file name, a tab and a class are needed",
                                    escape(annotations.string()), escape(line)));
        }
        const std::string wnid = line.substr(name_end + 1, line.find('\t', name_end + 1) - name_end - 1);
        const int32_t label = class_of(wnid, wnids, annotations);
        const std::string path = "val/images/" + line.substr(0, name_end);
        auto image = images.extract(path);
        if (!image.empty()) {
            listing.add(std::move(image.mapped()), label);
        } else {
            listing.skipped.push_back(
                {escape((listing.root / path).string()), "named in val_annotations.txt, but no image there"});
        }
    }
    for (const auto& [path, image] : images)
        listing.skipped.push_back(
            {escape((listing.root / path).string()), "not named in val_annotations.txt"});
    std::ranges::move(found.skipped, std::back_inserter(listing.skipped));
}

Dataset load_tiny_imagenet(const DatasetOptions& options) {
    const fs::path root = find_root(options.path);
    if (root.empty()) {
        throw Error(fmt::format("'{}' is no Tiny-ImageNet: wnids.txt and train/ are needed",
                                escape(options.path.string())));
    }
    std::vector<std::string> wnids = read_lines(root / "wnids.txt");
    std::sort(wnids.begin(), wnids.end());
    const auto twice = std::ranges::adjacent_find(wnids);
    if (twice != wnids.end())
        throw Error(fmt::format("'{}' has the class '{}' twice", escape((root / "wnids.txt").string()),
                                escape(*twice)));
    FolderListing listing{root};
    list_train(listing, wnids);
    const auto train_files = static_cast<int64_t>(listing.files.size());
    list_validation(listing, wnids);
    refuse_validation_share(options, "tiny_imagenet",
                            static_cast<int64_t>(listing.files.size()) - train_files);
    return load_listing(listing, wnids, train_files, native_size, options);
}

}  // namespace

DatasetFormat tiny_imagenet_format() {
    return {"tiny_imagenet", "wnids.txt, train/WNID/images/* and val/val_annotations.txt", recognises,
            load_tiny_imagenet};
}

}  // namespace vitrine
