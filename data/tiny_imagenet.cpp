// Tiny-ImageNet-200: train/WNID/images/*, and val/images with the classes in val/val_annotations.txt.

#include <fmt/format.h>

#include <algorithm>

#include "data/folder_set.h"
#include "data/formats.h"

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

int32_t class_of(const std::string& wnid, const std::vector<std::string>& wnids, const fs::path& file) {
    const auto found = std::lower_bound(wnids.begin(), wnids.end(), wnid);
    if (found == wnids.end() || *found != wnid) {
        throw Error(fmt::format("'{}' names the class '{}', which is not in wnids.txt", file.string(), wnid));
    }
    return static_cast<int32_t>(found - wnids.begin());
}

void list_train(FolderListing& listing, const std::vector<std::string>& wnids) {
    for (size_t label = 0; label < wnids.size(); ++label) {
        const fs::path folder = fs::path("train") / wnids[label] / "images";
        std::vector<fs::path> names;
        std::error_code failure;
        for (const fs::directory_entry& entry : fs::directory_iterator(listing.root / folder, failure)) {
            const fs::path name = entry.path().filename();
            if (name.string().front() != '.') names.push_back(name);
        }
        std::sort(names.begin(), names.end());
        const size_t before = listing.files.size();
        for (const fs::path& name : names) {
            if (has_image_extension(name)) {
                listing.add_image(folder / name, static_cast<int32_t>(label));
            } else {
                listing.add_non_image(folder / name);
            }
        }
        if (listing.files.size() == before) {
            throw Error(fmt::format("the class folder '{}' is missing or has no image",
                                    (listing.root / folder).string()));
        }
    }
}

/// Each line: file name, class, four numbers of a box; separated by tabs.
void list_validation(FolderListing& listing, const std::vector<std::string>& wnids) {
    const fs::path annotations = listing.root / "val" / "val_annotations.txt";
    for (const std::string& line : read_lines(annotations)) {
        const size_t name_end = line.find('\t');
        if (name_end == std::string::npos) {
            throw Error(fmt::format("'{}' has the line '{}'; a file name, a tab and a class are needed",
                                    annotations.string(), line));
        }
        const std::string wnid = line.substr(name_end + 1, line.find('\t', name_end + 1) - name_end - 1);
        listing.add_image(fs::path("val") / "images" / line.substr(0, name_end),
                          class_of(wnid, wnids, annotations));
    }
}

Dataset load_tiny_imagenet(const DatasetOptions& options) {
    const fs::path root = find_root(options.path);
    if (root.empty()) {
        throw Error(
            fmt::format("'{}' is no Tiny-ImageNet: wnids.txt and train/ are needed", options.path.string()));
    }
    std::vector<std::string> wnids = read_lines(root / "wnids.txt");
    std::sort(wnids.begin(), wnids.end());
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
    return {"tiny_imagenet", "wnids.txt, train/WNID/images/* and val/val_annotations.txt",
            [](const fs::path& path) { return !find_root(path).empty(); }, load_tiny_imagenet};
}

}  // namespace vitrine
