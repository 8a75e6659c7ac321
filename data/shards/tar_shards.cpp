// Tar archives of samples as WebDataset has them, read in place: the kind tar_shards.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "data/class_order.h"
#include "data/file_listing.h"
#include "data/folder_set.h"
#include "data/folder_words.h"
#include "data/formats.h"
#include "data/shards/samples.h"
#include "data/shards/tar_file.h"
#include "data/split_names.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

struct Shard {
    std::string path;  // from the root
    std::optional<SplitPart> part;
};

/// The part that a name such as imagenet-val-000003.tar says.
std::optional<SplitPart> part_of_name(const std::string& name) {
    const std::optional<SplitName> found = split_name(name);
    return found ? std::optional(found->part) : std::nullopt;
}

void add_shards(const fs::path& root, const std::string& folder, std::vector<Shard>& shards) {
    std::error_code failure, unreadable;
    fs::directory_iterator entry(root / folder, failure);
    for (; !failure && entry != fs::directory_iterator(); entry.increment(failure)) {
        const std::string name = entry->path().filename().string();
        if (name.front() == '.' || !entry->is_regular_file(unreadable)) continue;
        if (!is_tar_name(name) && !is_compressed_tar_name(name)) continue;
        const std::optional<SplitPart> part = part_of_name(entry->path().stem().string());
        shards.push_back({folder.empty() ? name : folder + '/' + name,
                          part || folder.empty() ? part : part_of_name(folder)});
    }
}

/// The archives in a folder and in those of its folders that are called like parts, in the order of their paths.
std::vector<Shard> shards_in(const fs::path& root) {
    std::vector<Shard> shards;
    add_shards(root, "", shards);
    std::error_code failure, unreadable;
    fs::directory_iterator entry(root, failure);
    for (; !failure && entry != fs::directory_iterator(); entry.increment(failure)) {
        const std::string name = entry->path().filename().string();
        if (entry->is_directory(unreadable) && part_of_name(name)) add_shards(root, name, shards);
    }
    std::ranges::sort(shards, {}, &Shard::path);
    return shards;
}

/// Archives without a part are the training images, unless others have one.
void settle_parts(std::vector<Shard>& shards, const fs::path& root, std::vector<std::string>& notices) {
    const bool any = std::ranges::any_of(shards, [](const Shard& shard) { return shard.part.has_value(); });
    for (Shard& shard : shards) {
        if (any && !shard.part)
            throw Error(
                fmt::format("the name of {} does not say which part it is of, as those of archives beside "
                            "it do: a name such as train-000.tar or val-000.tar is expected",
                            in_quotes(root / shard.path)));
        if (!any) shard.part = SplitPart::train;
    }
    const auto has = [&](SplitPart part) {
        return std::ranges::find(shards, std::optional(part), &Shard::part) != shards.end();
    };
    if (!has(SplitPart::test)) return;
    if (has(SplitPart::validation)) {
        std::erase_if(shards, [](const Shard& shard) { return shard.part == SplitPart::test; });
        notices.push_back("the archives of test images are left alone");
        return;
    }
    for (Shard& shard : shards) {
        if (shard.part == SplitPart::test) shard.part = SplitPart::validation;
    }
    notices.push_back("the archives of test images are the validation set: there are no others");
}

struct Parts {
    std::vector<Sample> train, validation;
    std::vector<SkippedFile> skipped;
};

Parts read_parts(const fs::path& root, const std::vector<Shard>& shards) {
    Parts parts;
    for (const Shard& shard : shards) {
        ShardSamples found = read_samples(root, shard.path);
        std::vector<Sample>& part = shard.part == SplitPart::train ? parts.train : parts.validation;
        std::ranges::move(found.samples, std::back_inserter(part));
        std::ranges::move(found.skipped, std::back_inserter(parts.skipped));
    }
    return parts;
}

std::vector<std::string> classes_of(const Parts& parts, const fs::path& path) {
    std::set<std::string> names;
    for (const Sample& sample : parts.train) names.insert(sample.label);
    if (names.size() < 2)
        throw Error(names.empty()
                        ? fmt::format("the archives of {} hold no training images", in_quotes(path))
                        : fmt::format("all training images in {} have the class {}, but a model needs two "
                                      "classes to tell apart",
                                      in_quotes(path), in_quotes(*names.begin())));
    const auto unknown = std::ranges::find_if(
        parts.validation, [&](const Sample& sample) { return !names.contains(sample.label); });
    if (unknown != parts.validation.end())
        throw Error(fmt::format("the validation image {} has the class {}, which no training image has",
                                in_quotes(unknown->image.path), in_quotes(unknown->label)));
    return in_class_order(names);
}

FolderListing listing_of(const fs::path& root, Parts parts, const std::vector<std::string>& classes) {
    std::map<std::string, int32_t> numbers;
    for (size_t i = 0; i < classes.size(); ++i) numbers[classes[i]] = static_cast<int32_t>(i);
    FolderListing listing{root};
    for (std::vector<Sample>* part : {&parts.train, &parts.validation}) {
        for (Sample& sample : *part) listing.add(std::move(sample.image), numbers.at(sample.label));
    }
    listing.skipped = std::move(parts.skipped);
    return listing;
}

Dataset load(const DatasetOptions& options) {
    std::error_code failure;
    const bool is_folder = fs::is_directory(options.path, failure);
    const fs::path root = is_folder                        ? options.path
                          : options.path.has_parent_path() ? options.path.parent_path()
                                                           : fs::path(".");
    std::vector<Shard> shards =
        is_folder ? shards_in(root)
                  : std::vector<Shard>{{options.path.filename().string(), SplitPart::train}};
    if (shards.empty()) throw Error(fmt::format("{} has no tar archives", in_quotes(options.path)));
    std::vector<std::string> notices;
    settle_parts(shards, root, notices);
    Parts parts = read_parts(root, shards);
    const std::vector<std::string> classes = classes_of(parts, options.path);
    const auto train_files = std::ssize(parts.train), validation_files = std::ssize(parts.validation);
    if (validation_files > 0) refuse_validation_share(options, "tar_shards", validation_files);
    notices.insert(notices.begin(), fmt::format("the images are read in place from {}",
                                                counted(std::ssize(shards), "tar archive")));
    Dataset dataset = load_listing(listing_of(root, std::move(parts), classes), classes, train_files,
                                   options.folder_size, options);
    std::ranges::move(notices, std::back_inserter(dataset.notices));
    if (validation_files == 0) hold_out_validation(dataset, options);
    return dataset;
}

/// An archive beside images may be what they were unpacked from.
bool recognises(const fs::path& path) {
    std::error_code failure;
    if (!fs::is_directory(path, failure)) return is_tar_name(path) || is_compressed_tar_name(path);
    return !shards_in(path).empty() && !holds_image(path);
}

}  // namespace

DatasetFormat tar_shards_format() {
    return {"tar_shards", "*.tar, or train-*.tar and val-*.tar, with KEY.jpg and KEY.cls or KEY.json",
            recognises, load, true};
}

}  // namespace vitrine
