// Images with their classes in a table or a list: the kind image_table.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "data/folder_set.h"
#include "data/folder_words.h"
#include "data/formats.h"
#include "data/tables/labelled_rows.h"
#include "data/tables/table.h"
#include "data/tables/table_set.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

int64_t count(const std::vector<LabelledImage>& images, SplitPart part) {
    return std::ranges::count(images, part, &LabelledImage::part);
}

/// A test part with classes is the validation set where there is no other, and else left alone, as it is
/// among folders.
void settle_test_part(std::vector<LabelledImage>& images, std::vector<std::string>& notices) {
    const int64_t test = count(images, SplitPart::test);
    if (test == 0) return;
    if (count(images, SplitPart::validation) > 0) {
        notices.push_back(fmt::format("{} of the test part {} left alone", counted(test, "image"),
                                      test == 1 ? "is" : "are"));
        std::erase_if(images, [](const LabelledImage& image) { return image.part == SplitPart::test; });
        return;
    }
    for (LabelledImage& image : images) {
        if (image.part == SplitPart::test) image.part = SplitPart::validation;
    }
    notices.push_back("the test part is the validation set: there is no other");
}

void require_training_images(const std::vector<LabelledImage>& images, const TableSet& set) {
    if (count(images, SplitPart::train) == 0)
        throw Error(fmt::format("no row of the table {} is of a training image that can be read",
                                in_quotes(set.tables.front().table.file)));
}

void require_two_classes(const std::vector<std::string>& classes, const TableSet& set) {
    if (classes.size() < 2)
        throw Error(
            fmt::format("all training images of the table {} have the class {}, but a model needs two "
                        "classes to tell apart",
                        in_quotes(set.tables.front().table.file), in_quotes(classes.front())));
}

/// Images that no row names: those of a test folder are to be predicted, others may have been forgotten.
void mention_unnamed(const FileListing& found, const std::vector<LabelledImage>& images,
                     std::vector<std::string>& notices) {
    std::set<size_t> named;
    for (const LabelledImage& image : images) named.insert(image.image);
    std::vector<std::string> forgotten;
    for (size_t i = 0; i < found.images.size(); ++i) {
        const std::string& path = found.images[i].path;
        if (!named.contains(i) && part_of_path(path) != SplitPart::test) forgotten.push_back(path);
    }
    if (forgotten.empty()) return;
    constexpr size_t listed = 3;
    const size_t count = forgotten.size();
    forgotten.resize(std::min(count, listed));
    notices.push_back(fmt::format("{} without a row in a table {} left out: {}{}",
                                  counted(static_cast<int64_t>(count), "image"), count == 1 ? "is" : "are",
                                  list_in_quotes(forgotten), count > listed ? ", …" : ""));
}

FolderListing listing_of(const fs::path& root, FileListing& found, const std::vector<LabelledImage>& images,
                         const std::vector<std::string>& classes) {
    std::map<std::string, int32_t> numbers;
    for (size_t i = 0; i < classes.size(); ++i) numbers[classes[i]] = static_cast<int32_t>(i);
    FolderListing listing{root};
    for (const SplitPart part : {SplitPart::train, SplitPart::validation}) {
        for (const LabelledImage& image : images) {
            if (image.part == part) listing.add(found.images[image.image], numbers.at(image.label));
        }
    }
    listing.skipped = std::move(found.skipped);
    return listing;
}

Dataset load(const DatasetOptions& options) {
    const fs::path root = root_of_tables(options.path);
    FileListing found = list_images(root, "");
    const ImageIndex index(root, found);
    const TableSet set = find_tables(options.path, index, {options.image_column, options.label_column});
    LabelledRows rows = label_images(root, set.tables, found, index);
    std::vector<std::string> notices = set.notices;
    std::ranges::move(rows.notices, std::back_inserter(notices));
    mention_unnamed(found, rows.images, notices);
    settle_test_part(rows.images, notices);
    require_training_images(rows.images, set);
    const std::vector<std::string> classes = class_names_of(rows.images, set.tables);
    require_two_classes(classes, set);

    const int64_t train_files = count(rows.images, SplitPart::train);
    const int64_t validation_files = count(rows.images, SplitPart::validation);
    if (validation_files > 0) refuse_validation_share(options, "image_table", validation_files);
    const FolderListing listing = listing_of(root, found, rows.images, classes);
    Dataset dataset = load_listing(listing, classes, train_files, options.folder_size, options);
    std::ranges::move(notices, std::back_inserter(dataset.notices));
    if (validation_files == 0) hold_out_validation(dataset, options);
    return dataset;
}

bool recognises(const fs::path& path) {
    std::error_code failure;
    return fs::is_directory(path, failure) ? has_image_table(path) : has_table_extension(path);
}

}  // namespace

DatasetFormat image_table_format() {
    return {"image_table", "train.csv or labels.csv, with a column of images and one of classes", recognises,
            load, true};
}

}  // namespace vitrine
