// Listing classes and refusing what cannot be meant: see class_folders.h.

#include "data/class_folders.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "data/folder_words.h"
#include "data/image_format.h"
#include "data/split_names.h"
#include "engine/error.h"
#include "engine/escape.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

/// A folder of the data set, without a stroke at its end.
fs::path place_of(const fs::path& root, const std::string& folder) {
    return folder.empty() ? root : root / folder;
}

std::string lower_case(std::string text) {
    for (char& letter : text) {
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    }
    return text;
}

/// "12 .mp4, 2 files (a GIF file, which is not supported: …)": what is in a folder beside images, the most
/// frequent first.
std::string summary_of(const std::vector<SkippedFile>& skipped) {
    std::map<std::pair<SkippedKind, std::string>, int64_t> counts;
    for (const SkippedFile& file : skipped) {
        const std::string suffix = lower_case(fs::path(file.path).extension().string());
        const std::string what = suffix.empty() ? "without a suffix" : suffix;
        ++counts[{file.kind, file.kind == SkippedKind::no_image ? what : file.reason}];
    }
    std::vector<std::pair<int64_t, std::string>> by_count;
    for (const auto& [what, count] : counts)
        by_count.emplace_back(-count, what.first == SkippedKind::no_image
                                          ? fmt::format("{} {}", count, what.second)
                                          : fmt::format("{} ({})", counted(count, "file"), what.second));
    std::ranges::sort(by_count);
    constexpr size_t listed = 5;
    std::string text;
    for (size_t i = 0; i < std::min(listed, by_count.size()); ++i)
        text += (i == 0 ? "" : ", ") + by_count[i].second;
    return by_count.size() <= listed ? text : text + ", …";
}

[[noreturn]] void throw_without_images(const fs::path& folder, const FileListing& found) {
    if (found.skipped.size() == 1 && found.skipped.front().path == escape(folder.string()))
        throw Error(fmt::format("the class folder {}: {}", in_quotes(folder), found.skipped.front().reason));
    const std::string what =
        found.skipped.empty() ? "it holds no files" : "in it are " + summary_of(found.skipped);
    throw Error(
        fmt::format("the class folder {} has no image (a file that ends in .jpg, .jpeg, .png, .ppm, .bmp, "
                    ".pgm, .tif, .tiff or .webp): {}",
                    in_quotes(folder), what));
}

/// Names that promise a format without a decoder in some builds. The content decides, so that only a class of
/// such names is read.
bool may_be_unread(const ImageFile& image) {
    constexpr std::array<std::string_view, 3> suffixes{".webp", ".tif", ".tiff"};
    return std::ranges::find(suffixes, lower_case(fs::path(image.path).extension().string())) !=
           suffixes.end();
}

void require_readable(const fs::path& root, const fs::path& folder, const FileListing& found) {
    if (!std::ranges::all_of(found.images, may_be_unread)) return;
    std::map<std::string_view, int64_t> formats;
    std::set<std::string_view> packages;
    for (const ImageFile& image : found.images) {
        const ImageFormat format = image_format(first_bytes(root / image.path));
        if (format.is_read()) return;
        if (!format.package.empty()) packages.insert(format.package);
        ++formats[format.name.empty() ? "unknown" : format.name];
    }
    std::string counts;
    for (const auto& [name, count] : formats)
        counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", count, name);
    const std::string missing =
        packages.empty() ? "" : fmt::format("; this build was made without {}", fmt::join(packages, ", "));
    throw Error(fmt::format("the class folder {} has no readable image: {} file{}; {}{}", in_quotes(folder),
                            counts, found.images.size() == 1 ? "" : "s", readable_formats(), missing));
}

bool holds_only_own(const FileListing& found) {
    const bool something = std::ranges::any_of(
        found.skipped, [](const SkippedFile& file) { return file.kind == SkippedKind::damaged; });
    return found.images.empty() && !found.own_folders.empty() && !something;
}

/// The folders in a class; nothing where there are images beside them.
std::vector<std::string> folders_in(const ClassFolder& each, const std::string& folder) {
    const size_t start = (folder.empty() ? 0 : folder.size() + 1) + each.name.size() + 1;
    std::set<std::string> names;
    for (const ImageFile& image : each.found.images) {
        const size_t end = image.path.find('/', start);
        if (end == std::string::npos) return {};
        names.insert(image.path.substr(start, end - start));
    }
    return {names.begin(), names.end()};
}

/// CLASS/train/* and CLASS/test/*: as classes these would put test images into the training set.
void refuse_parts_in_classes(const fs::path& root, const std::string& folder, const ClassFolder& each) {
    const fs::path above = place_of(root, folder), place = above / each.name;
    const std::vector<std::string> inner = folders_in(each, folder);
    std::set<SplitPart> parts;
    for (const std::string& name : inner) {
        if (const std::optional<SplitName> split = split_name(name)) parts.insert(split->part);
    }
    if (parts.size() < 2) return;
    throw Error(fmt::format(
        "{} has the folders {}, but parts of a data set are expected above its classes: {} and {}; "
        "to use all images of a class alike: {}",
        in_quotes(place), list_in_quotes(inner), in_quotes(root / "train/CLASS/*"),
        in_quotes(root / "val/CLASS/*"), as_classes(above)));
}

/// images/ beside masks/ or labels/, and images_1/ beside images_2/ or fold1/ beside fold2/: folders about
/// the same images, and shares of them.
bool are_called_like_collections(const std::vector<std::string>& names) {
    static const std::set<std::string> images = {"image", "images", "img", "imgs", "jpegimages"};
    static const std::set<std::string> annotations = {"mask",       "masks",       "label",        "labels",
                                                      "annotation", "annotations", "segmentation", "ground",
                                                      "truth",      "groundtruth", "segmentations"};
    static const std::set<std::string> shares = {"fold", "batch", "shard", "chunk"};
    const std::vector<std::string> first = words_of(names.front());
    const bool all_alike =
        std::ranges::all_of(names, [&](const std::string& name) { return words_of(name) == first; });
    if (all_alike)
        return std::ranges::any_of(
            first, [](const std::string& word) { return images.contains(word) || shares.contains(word); });
    return std::ranges::all_of(names, [](const std::string& name) {
        const std::vector<std::string> words = words_of(name);
        return !words.empty() && std::ranges::all_of(words, [](const std::string& word) {
            return images.contains(word) || annotations.contains(word);
        });
    });
}

void refuse_collections(const fs::path& root, const std::string& folder,
                        const std::vector<ClassFolder>& classes) {
    std::vector<std::string> names;
    for (const ClassFolder& each : classes) names.push_back(each.name);
    if (!are_called_like_collections(names)) return;
    throw Error(fmt::format(
        "the folders {} in {} are called like collections of images, masks or labels, not like "
        "classes; a folder for each class is expected; if they are the classes: {}",
        list_in_quotes(names), in_quotes(place_of(root, folder)), as_classes(place_of(root, folder))));
}

/// The folders below a class that hold its images, from there; nothing where there are images directly in it.
std::vector<std::string> image_folders_in(const ClassFolder& each, const std::string& folder) {
    const size_t start = (folder.empty() ? 0 : folder.size() + 1) + each.name.size() + 1;
    std::set<std::string> names;
    for (const ImageFile& image : each.found.images) {
        const size_t end = image.path.rfind('/');
        if (end < start) return {};
        names.insert(image.path.substr(start, end - start));
    }
    return {names.begin(), names.end()};
}

/// Classes that all hold the same folders may be parts under other names, or collections of the same classes.
void mention_equal_folders(const fs::path& root, const std::string& folder,
                           const std::vector<ClassFolder>& classes, std::vector<std::string>& notices) {
    const std::vector<std::string> inner = image_folders_in(classes.front(), folder);
    if (inner.size() < 2) return;
    const bool all_equal = std::ranges::all_of(
        classes, [&](const ClassFolder& each) { return image_folders_in(each, folder) == inner; });
    if (!all_equal) return;
    notices.push_back(fmt::format(
        "the folders in {} are taken for classes, and all have the same folders {}: if these are the "
        "classes, parts of a data set are expected above them, called train and val",
        in_quotes(place_of(root, folder)), list_in_quotes(inner)));
}

/// The nearest folder at or below `path` that has more than one folder with images; empty where there is
/// none.
fs::path branching_below(fs::path path, std::vector<std::string>& folders) {
    for (int depth = 0; depth < deepest_folder; ++depth) {
        const FolderContents contents = contents_of(path);
        folders.clear();
        for (const std::string& name : contents.folders) {
            if (holds_image(path / name)) folders.push_back(name);
        }
        if (folders.size() > 1) return path;
        if (folders.empty() || contents.images > 0) return {};
        path /= folders.front();
    }
    return {};
}

std::string differences(const std::vector<std::string>& only, const std::string& folder) {
    return only.empty() ? "" : fmt::format("only {} has {}", escape(folder), list_in_quotes(only));
}

std::vector<std::string> without(const std::vector<std::string>& all,
                                 const std::vector<std::string>& others) {
    std::vector<std::string> rest;
    std::ranges::set_difference(all, others, std::back_inserter(rest));
    return rest;
}

std::vector<std::string> sorted_lower_case(std::vector<std::string> names) {
    for (std::string& name : names) name = lower_case(name);
    std::ranges::sort(names);
    return names;
}

}  // namespace

std::vector<ClassFolder> list_classes(const DatasetOptions& options, const std::string& folder,
                                      std::vector<std::string>& notices) {
    const FolderContents contents = contents_of(options.path / folder);
    std::vector<ClassFolder> classes;
    std::vector<std::string> own;
    for (const std::string& name : contents.folders) {
        FileListing found = list_images(options.path, folder.empty() ? name : folder + '/' + name);
        if (holds_only_own(found)) {
            own.push_back(name);
        } else {
            classes.push_back({name, std::move(found)});
        }
    }
    const fs::path place = place_of(options.path, folder);
    if (!own.empty())
        notices.push_back(fmt::format("{} in {} {} no class: Vitrine's own runs and caches are there",
                                      list_in_quotes(own), in_quotes(place), own.size() == 1 ? "is" : "are"));
    if (classes.empty() && contents.images > 0)
        throw Error(fmt::format("{} has {} but no class folders; expected are {} and {}, or {}",
                                in_quotes(place), counted(contents.images, "image"),
                                in_quotes(place / "train/CLASS/*"), in_quotes(place / "val/CLASS/*"),
                                in_quotes(place / "CLASS/*")));
    if (classes.empty())
        throw Error(
            fmt::format("{} has no images: a folder for each class is needed in it", in_quotes(place)));
    for (const ClassFolder& each : classes) {
        if (each.found.images.empty()) throw_without_images(place / each.name, each.found);
        require_readable(options.path, place / each.name, each.found);
    }
    if (options.kind != "class_folders" && classes.size() > 1) {
        for (const ClassFolder& each : classes) refuse_parts_in_classes(options.path, folder, each);
        refuse_collections(options.path, folder, classes);
        mention_equal_folders(options.path, folder, classes, notices);
    }
    for (const std::string& name : contents.dangling)
        notices.push_back(fmt::format("{} is a link to nothing and left out", in_quotes(place / name)));
    if (contents.images > 0)
        notices.push_back(fmt::format("{} directly in {} {} in no class folder and left out",
                                      counted(contents.images, "image"), in_quotes(place),
                                      contents.images == 1 ? "is" : "are"));
    return classes;
}

void require_same_classes(const fs::path& root, const FolderLayout& layout,
                          const std::vector<std::string>& train, const std::vector<std::string>& validation) {
    const std::vector<std::string> only_train = without(train, validation);
    const std::vector<std::string> only_validation = without(validation, train);
    if (only_train.empty() && only_validation.empty()) return;
    const std::string train_part = differences(only_train, layout.train);
    const std::string validation_part = differences(only_validation, layout.validation);
    const bool by_case = sorted_lower_case(only_train) == sorted_lower_case(only_validation);
    throw Error(fmt::format("the classes of {} and {} differ{}: {}{}{}; to use {} alone: {}",
                            in_quotes(root / layout.train), in_quotes(root / layout.validation),
                            by_case ? " in upper and lower case" : "", train_part,
                            train_part.empty() || validation_part.empty() ? "" : "; ", validation_part,
                            in_quotes(root / layout.train), data_option(root / layout.train)));
}

void require_two_classes(const DatasetOptions& options, const std::string& folder,
                         const std::vector<ClassFolder>& classes) {
    if (classes.size() > 1) return;
    const fs::path place = place_of(options.path, folder);
    const fs::path only = place / classes.front().name;
    const std::string sentence =
        fmt::format("{} has one class folder, {}, but a model needs two classes to tell apart",
                    in_quotes(place), in_quotes(classes.front().name));
    std::vector<std::string> below;
    const fs::path branching = branching_below(only, below);
    if (branching.empty())
        throw Error(fmt::format("{}; it has {} and no other folders with images", sentence,
                                counted(std::ssize(classes.front().found.images), "image")));
    throw Error(fmt::format("{}; below it, {} has {} folders with images, {}: to use those, {}", sentence,
                            in_quotes(branching), below.size(), list_in_quotes(below),
                            data_option(branching)));
}

}  // namespace vitrine
