// Data sets: from a path to labelled training and validation images.
//
// Kinds (DatasetOptions::kind), each recognised by "auto" from its files:
//   fashion_mnist, mnist   IDX files, plain or .gz: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-…;
//                          gray is copied into three channels; t10k is the validation set
//   cifar10, cifar100      the "binary version": data_batch_1…5.bin, test_batch.bin; train.bin, test.bin
//                          (fine labels)
//   tiny_imagenet          wnids.txt, train/WNID/images/*, val/images/* with val/val_annotations.txt
//   image_folder           one folder a class in PATH/train and PATH/val, however they are written
//                          (folder_layout.h); or in PATH itself, from which a part is held out for validation
//   image_table            images anywhere below PATH, their classes in PATH/train.csv, val.csv, … or
//                          PATH/labels.csv; or PATH is a table or a list itself (data/tables/)
//   tar_shards             PATH/*.tar, or PATH is one, with samples as WebDataset writes them (data/shards/)
//   class_folders          never chosen by "auto": every folder of PATH is a class, whatever its name
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/image_set.h"
#include "data/keeping.h"
#include "data/parallel.h"
#include "engine/error.h"

namespace vitrine {

struct DatasetOptions {
    /// A folder, a table of images or a tar archive. Empty stands for Debian's Fashion-MNIST (package dataset-fashion-mnist).
    std::filesystem::path path;
    std::string kind = "auto";
    /// How images are kept, image_size being the side (keeping.h). Unless they become squares, those of image files each
    /// have a size of their own (ImageSet); those of the other kinds have one size in any case.
    ImageShape shape = ImageShape::square;
    /// 0: the native size of the set, or folder_size for image files; for originals no limit.
    int64_t image_size = 0;
    int64_t folder_size = 64;
    /// Whether image files are turned as their EXIF orientation says; torchvision does not. In any case a
    /// notice tells how many of them have one.
    bool exif_orientation = false;
    /// Share of the training set to keep, in (0, 1]: the same share of each class, at least one image.
    double subset = 1.0;
    /// Share of each class to hold out for validation, in (0, 1), where the set has no validation images of
    /// its own. For a set that has them it must stay unset.
    std::optional<double> validation;
    /// Where it is unset and the set has none of its own: the share held out; 0: none, and there are no
    /// validation images.
    double default_validation = 0.2;
    /// Decides which images the two options above choose.
    uint64_t seed = 0;
    /// Of an image_table: its columns of images and of classes. Empty: told by their names.
    std::string image_column = {};
    std::string label_column = {};
    /// A file that is left out as damaged (SkippedKind) is an Error.
    bool strict = false;
    /// Where decoded folders are kept (cache.h). Empty: default_cache_folder().
    std::filesystem::path cache_folder;
    /// Read all files of such a folder and compare them with what its cache was made of, rather than trusting
    /// sizes, times and inodes. What was found becomes a notice; a stale cache is made anew.
    bool verify_cache = false;
    /// Threads that decode and resize; 0: one a core.
    int threads = 0;
    /// Called while images are decoded or resized.
    ProgressCallback progress;
};

enum class SkippedKind {
    damaged,    // an image, or what its name or content says is one, that cannot be read
    duplicate,  // a folder that is in the data already, under another name
    no_image,   // anything else: notes, lists, thumbnails' databases
};

/// A file or folder of the data set that was left out.
struct SkippedFile {
    std::string path;  // as text (engine/escape.h)
    std::string reason;
    SkippedKind kind = SkippedKind::damaged;
    std::string name = {};  // below the data set's folder, as ImageSet::name has it, where it had been one
};

/// What decided which images a part has, beyond where the data set keeps them.
struct SplitDraw {
    uint64_t seed = 0;
    /// Share of each class that was held out; 0: none, the validation images are the set's own.
    double validation = 0.0;
    /// Share of the training images that was kept.
    double subset = 1.0;
    /// Whether an image is in another part than its place and the draw give it: see keep_parts.
    bool rearranged = false;

    bool operator==(const SplitDraw&) const = default;
};

struct Dataset {
    std::string kind;
    ImageSet train;
    ImageSet validation;
    /// Training images that are left out of the subset.
    ImageSet left_out;
    SplitDraw draw;
    /// Where images have their own sizes: how each was kept. Else a square, and `train` says of which size.
    Keeping keeping;
    bool exif_orientation = false;         // as the options had it
    std::vector<std::string> class_names;  // as text (engine/escape.h)
    /// Of the training images that are kept: what to normalise both sets with.
    ChannelStatistics statistics;
    /// In the order of their paths.
    std::vector<SkippedFile> skipped;
    /// Full sentences that the user should read, such as a cache that could not be written.
    std::vector<std::string> notices;
};

/// Names that DatasetOptions::kind takes, "auto" first.
const std::vector<std::string>& dataset_kinds();

/// Loads a set whole: small ones into memory, folders of images through the packed cache.
/// Throws Error for a missing folder, no or unknown layout, a truncated or inconsistent file, an empty class,
/// train and validation classes that differ, no images at all (validation images included, unless none were
/// to be held out), or an option out of its range.
Dataset load_dataset(const DatasetOptions& options);

}  // namespace vitrine
