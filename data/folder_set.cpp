// From a listing of image files to a data set: see folder_set.h.

#include "data/folder_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "data/folder_words.h"
#include "data/image.h"
#include "engine/escape.h"

namespace vitrine {
namespace {

/// Samples of the files first … end-1 that were decoded. `side` is that of all, or 0.
ImageSet part_of(const FolderListing& listing, const PackedImages& packed, const std::vector<bool>& decoded,
                 int64_t side, int64_t first, int64_t end) {
    ImageSet set{0, side, side, {}, {}, packed.pixels};
    for (int64_t i = first; i < end; ++i) {
        if (!decoded[static_cast<size_t>(i)]) continue;
        set.labels.push_back(listing.labels[static_cast<size_t>(i)]);
        set.rows.push_back(i);
    }
    set.count = static_cast<int64_t>(set.rows.size());
    return set;
}

/// Where no side is given, originals have no limit.
Keeping keeping_of(const DatasetOptions& options, int64_t default_image_size) {
    const bool is_given = options.image_size > 0 || options.shape == ImageShape::original;
    return {options.shape, is_given ? options.image_size : default_image_size};
}

std::shared_ptr<const std::vector<std::string>> names_of(const FolderListing& listing) {
    const auto names = std::make_shared<std::vector<std::string>>();
    for (const ImageFile& file : listing.files) names->push_back(file.path);
    return names;
}

void refuse_damaged(const std::vector<SkippedFile>& skipped) {
    const auto first = std::ranges::find(skipped, SkippedKind::damaged, &SkippedFile::kind);
    if (first != skipped.end()) throw ImageError(first->path, first->reason);
}

/// Photographs that look upright elsewhere lie on their side here, or no longer do.
void report_orientations(Dataset& dataset, const PackedImages& packed, bool applied) {
    if (packed.oriented == 0) return;
    const int64_t images = packed.pixels.images - std::ssize(packed.undecoded);
    dataset.notices.push_back(
        fmt::format("{} of {} images carr{} an EXIF orientation, which is {}", packed.oriented, images,
                    packed.oriented == 1 ? "ies" : "y",
                    applied ? "applied (data.exif_orientation = true)"
                            : "ignored as torchvision does; data.exif_orientation = true applies it"));
}

/// "3 files: a WebP file, which is not supported: …; 1 file: the file is empty": why a class has no training
/// image.
std::string reasons_of(int32_t label, const FolderListing& listing, const PackedImages& packed,
                       int64_t train_files) {
    constexpr size_t listed_reasons = 3;
    std::map<std::string, int64_t> reasons;
    for (const UndecodedFile& file : packed.undecoded) {
        if (file.index < train_files && listing.labels[static_cast<size_t>(file.index)] == label)
            ++reasons[file.reason];
    }
    std::string text;
    size_t listed = 0;
    for (const auto& [reason, count] : reasons) {
        if (++listed > listed_reasons) return text + "; …";
        text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", counted(count, "file"), reason);
    }
    return text;
}

void require_every_class(const Dataset& dataset, const FolderListing& listing, const PackedImages& packed,
                         int64_t train_files) {
    std::vector<bool> present(dataset.class_names.size(), false);
    for (const int32_t label : dataset.train.labels) present[static_cast<size_t>(label)] = true;
    const auto missing = std::find(present.begin(), present.end(), false);
    if (missing == present.end()) return;
    const auto label = static_cast<int32_t>(missing - present.begin());
    throw Error(fmt::format("the class '{}' of {} has no readable training image: {}",
                            dataset.class_names[static_cast<size_t>(label)], in_quotes(listing.root),
                            reasons_of(label, listing, packed, train_files)));
}

}  // namespace

void FolderListing::add(ImageFile image, int32_t label) {
    files.push_back(std::move(image));
    labels.push_back(label);
}

void FolderListing::add(FileListing found, int32_t label) {
    for (ImageFile& image : found.images) add(std::move(image), label);
    std::ranges::move(found.skipped, std::back_inserter(skipped));
}

Dataset load_listing(const FolderListing& listing, const std::vector<std::string>& class_names,
                     int64_t train_files, int64_t default_image_size, const DatasetOptions& options) {
    if (options.strict) refuse_damaged(listing.skipped);
    const Keeping keeping = keeping_of(options, default_image_size);
    PackedImages packed =
        pack_images(listing.root, listing.files,
                    {.keeping = keeping,
                     .turning = options.exif_orientation ? Turning::upright : Turning::as_stored,
                     .strict = options.strict,
                     .cache_folder = options.cache_folder,
                     .threads = options.threads,
                     .progress = options.progress,
                     .verify = options.verify_cache});

    Dataset dataset;
    if (keeping.shape != ImageShape::square) dataset.keeping = keeping;
    packed.pixels.names = names_of(listing);
    for (const std::string& name : class_names) dataset.class_names.push_back(escape(name));
    dataset.notices = packed.notices;
    report_orientations(dataset, packed, options.exif_orientation);
    dataset.skipped = listing.skipped;
    std::vector<bool> decoded(listing.files.size(), true);
    for (const UndecodedFile& file : packed.undecoded) {
        const auto index = static_cast<size_t>(file.index);
        decoded[index] = false;
        const std::string& name = listing.files[index].path;
        dataset.skipped.push_back(
            {escape((listing.root / name).string()), file.reason, SkippedKind::damaged, name});
    }
    std::sort(dataset.skipped.begin(), dataset.skipped.end(),
              [](const SkippedFile& a, const SkippedFile& b) { return a.path < b.path; });
    const int64_t side = keeping.shape == ImageShape::square ? keeping.side : 0;
    dataset.train = part_of(listing, packed, decoded, side, 0, train_files);
    dataset.validation =
        part_of(listing, packed, decoded, side, train_files, static_cast<int64_t>(listing.files.size()));
    require_every_class(dataset, listing, packed, train_files);
    return dataset;
}

}  // namespace vitrine
