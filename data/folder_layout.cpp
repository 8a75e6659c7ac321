// Recognising the layout of a folder of images: see folder_layout.h.

#include "data/folder_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "data/file_listing.h"
#include "data/folder_words.h"
#include "data/image.h"
#include "data/split_names.h"
#include "engine/error.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

constexpr size_t most_classes = 1'000'000;

/// What one data set's parts are called.
struct NamedPart {
    SplitPart part;
    std::string folder;
};
using Parts = std::vector<NamedPart>;

/// The folders that are called like parts, by what their names have in common.
std::map<std::string, Parts> parts_in(const std::vector<std::string>& folders) {
    std::map<std::string, Parts> families;
    for (const std::string& folder : folders) {
        if (const std::optional<SplitName> name = split_name(folder))
            families[name->family].push_back({name->part, folder});
    }
    return families;
}

bool has_two_kinds(const Parts& parts) {
    return std::ranges::any_of(parts, [&](const NamedPart& each) { return each.part != parts.front().part; });
}

std::vector<std::string> names_of(const Parts& parts) {
    std::vector<std::string> names;
    for (const NamedPart& each : parts) names.push_back(each.folder);
    return names;
}

std::string expected(const fs::path& root) {
    return fmt::format("expected are {} and {}, or {}", in_quotes(root / "train/CLASS/*"),
                       in_quotes(root / "val/CLASS/*"), in_quotes(root / "CLASS/*"));
}

/// Why names of parts do not make a layout; what was expected; and what to do where the names are those of
/// classes.
[[noreturn]] void throw_misfit(const fs::path& root, const std::string& why) {
    throw Error(fmt::format("{}; {}; if the folders in {} are the classes: {}", why, expected(root),
                            in_quotes(root), as_classes(root)));
}

/// The only folder of this part; "" where there is none.
std::string only_folder(const fs::path& root, const Parts& parts, SplitPart part) {
    std::string found;
    for (const NamedPart& each : parts) {
        if (each.part != part) continue;
        if (!found.empty())
            throw_misfit(root,
                         fmt::format("in {} both {} and {} are called like the {} images", in_quotes(root),
                                     in_quotes(found), in_quotes(each.folder), name_of(part)));
        found = each.folder;
    }
    return found;
}

/// A part whose archive was unpacked into a folder of its own name: train/train/CLASS.
std::string unpacked(const fs::path& root, const std::string& folder, std::vector<std::string>& notices) {
    constexpr int most_folders = 8;
    const std::optional<SplitName> name = split_name(folder);
    std::string path = folder;
    for (int i = 0; i < most_folders; ++i) {
        const FolderContents contents = contents_of(root / path);
        if (contents.images > 0 || contents.folders.size() != 1) break;
        const std::optional<SplitName> inner = split_name(contents.folders.front());
        if (!inner || inner->part != name->part || inner->family != name->family) break;
        path += '/' + contents.folders.front();
    }
    if (path != folder)
        notices.push_back(
            fmt::format("the {} images are in {}", name_of(name->part), in_quotes(root / path)));
    return path;
}

[[noreturn]] void throw_without_classes(const fs::path& root, const std::string& folder) {
    const int64_t images = contents_of(root / folder).images;
    throw_misfit(root, images == 0 ? fmt::format("{} is empty", in_quotes(root / folder))
                                   : fmt::format("{} has {} but no class folders", in_quotes(root / folder),
                                                 counted(images, "image")));
}

/// Those of the folders that hold images.
std::vector<std::string> with_images(const fs::path& root, const std::vector<std::string>& folders) {
    std::vector<std::string> found;
    for (const std::string& folder : folders) {
        if (holds_image(root / folder)) found.push_back(folder);
    }
    return found;
}

std::vector<std::string> without(std::vector<std::string> folders, const std::vector<std::string>& used) {
    std::erase_if(folders, [&](const std::string& folder) { return std::ranges::count(used, folder) > 0; });
    return folders;
}

/// train/ without val/ beside test/: a test set with classes is what is measured, one without is somebody's
/// riddle.
void choose_test(const fs::path& root, const std::string& folder, FolderLayout& layout) {
    std::vector<std::string> notices;
    const std::string path = unpacked(root, folder, notices);
    if (with_images(root / path, contents_of(root / path).folders).empty()) {
        layout.notices.push_back(
            fmt::format("{} has no class folders and is left alone: validation images are held out of {}",
                        in_quotes(root / folder), in_quotes(root / layout.train)));
        return;
    }
    layout.validation = path;
    std::ranges::move(notices, std::back_inserter(layout.notices));
    layout.notices.push_back(fmt::format("{} is the validation set: there is no other beside {}",
                                         in_quotes(root / path), in_quotes(root / layout.train)));
}

FolderLayout split_layout(const fs::path& root, const std::vector<std::string>& folders, const Parts& parts) {
    const std::string train = only_folder(root, parts, SplitPart::train);
    const std::string validation = only_folder(root, parts, SplitPart::validation);
    if (train.empty())
        throw_misfit(root, fmt::format("{} has {}, but no folder of training images", in_quotes(root),
                                       list_in_quotes(names_of(parts))));
    FolderLayout layout;
    layout.train = unpacked(root, train, layout.notices);
    if (contents_of(root / layout.train).folders.empty()) throw_without_classes(root, layout.train);
    std::vector<std::string> used{train, validation};
    if (validation.empty()) {
        used.push_back(only_folder(root, parts, SplitPart::test));
        choose_test(root, used.back(), layout);
    } else {
        layout.validation = unpacked(root, validation, layout.notices);
        if (contents_of(root / layout.validation).folders.empty())
            throw_without_classes(root, layout.validation);
    }
    std::error_code failure;
    if (!layout.validation.empty() && fs::equivalent(root / layout.train, root / layout.validation, failure))
        layout.notices.push_back(
            fmt::format("{} is the same folder as {}: validation measures what was learnt by heart",
                        in_quotes(root / layout.validation), in_quotes(root / layout.train)));
    const std::vector<std::string> others = with_images(root, without(folders, used));
    if (!others.empty())
        layout.notices.push_back(fmt::format("{} beside {} {} left alone", list_in_quotes(others),
                                             in_quotes(root / train), others.size() == 1 ? "is" : "are"));
    return layout;
}

/// One folder that is called like a part, and no second one.
FolderLayout lone_part_layout(const fs::path& root, const std::vector<std::string>& folders,
                              const NamedPart& lone) {
    const fs::path place = root / lone.folder;
    const std::vector<std::string> others = with_images(root, without(folders, {lone.folder}));
    const std::vector<std::string> classes = with_images(place, contents_of(place).folders);
    if (!others.empty() && classes.empty()) return {};  // a train among other vehicles
    if (!others.empty())
        throw_misfit(
            root, fmt::format("{} is called like the {} images and has the folders {}, but beside it {} {}; "
                              "to use {} alone: {}",
                              in_quotes(place), name_of(lone.part), list_in_quotes(classes),
                              others.size() == 1 ? "is" : "are", list_in_quotes(others), in_quotes(place),
                              data_option(place)));
    if (classes.empty()) throw_without_classes(root, lone.folder);
    if (lone.part != SplitPart::train)
        throw_misfit(root,
                     fmt::format("{} has {} images, but no folder of training images; to use {} alone: {}",
                                 in_quotes(root), name_of(lone.part), in_quotes(place), data_option(place)));
    FolderLayout layout;
    layout.train = unpacked(root, lone.folder, layout.notices);
    return layout;
}

}  // namespace

FolderLayout find_layout(const fs::path& root) {
    const FolderContents contents = contents_of(root);
    const std::map<std::string, Parts> families = parts_in(contents.folders);
    std::vector<const Parts*> sets;
    for (const auto& [family, parts] : families) {
        if (has_two_kinds(parts)) sets.push_back(&parts);
    }
    if (sets.size() > 1)
        throw_misfit(root,
                     fmt::format("{} has the parts of {} data sets, {} and {}", in_quotes(root), sets.size(),
                                 list_in_quotes(names_of(*sets[0])), list_in_quotes(names_of(*sets[1]))));
    if (sets.size() == 1) return split_layout(root, contents.folders, *sets.front());
    const auto bare = families.find("");
    if (bare == families.end()) return {};
    only_folder(root, bare->second, bare->second.front().part);
    return lone_part_layout(root, contents.folders, bare->second.front());
}

FolderContents contents_of(const fs::path& folder) {
    FolderContents contents;
    std::error_code failure, unreadable;
    fs::directory_iterator entry(folder, failure);
    for (; !failure && entry != fs::directory_iterator(); entry.increment(failure)) {
        const std::string name = entry->path().filename().string();
        if (name.front() == '.' || is_left_behind(name)) continue;
        if (entry->is_directory(unreadable)) {
            contents.folders.push_back(name);
        } else if (has_image_extension(name)) {
            ++contents.images;
        } else if (fs::path(name).extension().empty() && !entry->exists(unreadable)) {
            contents.dangling.push_back(name);
        }
        if (contents.folders.size() > most_classes)
            throw Error(fmt::format("{} has more than {} folders; a model has at most so many classes",
                                    in_quotes(folder), most_classes));
    }
    if (failure) throw Error(fmt::format("{} cannot be read ({})", in_quotes(folder), failure.message()));
    std::ranges::sort(contents.folders);
    std::ranges::sort(contents.dangling);
    return contents;
}

}  // namespace vitrine
