// The readers behind load_dataset, one a kind. Each fills everything but the subset and the statistics.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/image.h"

namespace vitrine {

/// A reader and how to recognise its layout. To add a kind: write these two and add a line in dataset.cpp.
struct DatasetFormat {
    std::string kind;
    /// What the layout looks like, for the message where none fits.
    std::string layout;
    /// True where the folder has this layout.
    std::function<bool(const std::filesystem::path&)> recognises;
    std::function<Dataset(const DatasetOptions&)> load;
    /// Whether the path may be a file; `recognises` is then asked of files, too.
    bool takes_files = false;
};

DatasetFormat fashion_mnist_format();
DatasetFormat mnist_format();
DatasetFormat cifar10_format();
DatasetFormat cifar100_format();
DatasetFormat tiny_imagenet_format();
DatasetFormat image_folder_format();
DatasetFormat class_folders_format();
DatasetFormat image_table_format();
DatasetFormat tar_shards_format();

/// The first of PATH and its named subfolders that holds `file`, or an empty path.
std::filesystem::path find_beside(const std::filesystem::path& path,
                                  const std::vector<std::string>& subfolders, const std::string& file);

/// Throws where the user asked to hold images out of a set that has its own validation split.
void refuse_validation_share(const DatasetOptions& options, const std::string& kind, int64_t own_images);

/// The lines of a text file without their line ends; empty lines are left out.
std::vector<std::string> read_lines(const std::filesystem::path& file);

/// Builds a set in memory: read(i) gives image i at the native size; its name is "PART image i". All images
/// are resized if options ask for it.
ImageSet make_image_set(int64_t native_height, int64_t native_width, std::vector<int32_t> labels,
                        const std::string& part, const DatasetOptions& options,
                        const std::function<Image(int64_t)>& read);

/// Indices of a seeded sample of each class; share in (0, 1). See stratified_split.
struct Split {
    std::vector<int64_t> kept;
    std::vector<int64_t> held_out;
};

/// Takes round(share · size of the class) samples out of each class, at random, at least one and never all,
/// so that both parts know every class; a class with a single sample keeps it. Both lists are in ascending order.
///
/// `contents`: a number for each sample, if some may be alike; no two that are alike are then on different sides. Those of a class are held
/// out together or not at all, so that it may be a few fewer, or more where the smallest are more; those of several classes
/// are kept. A class that has nothing else is divided all the same.
Split stratified_split(const std::vector<int32_t>& labels, double share, uint64_t seed,
                       std::span<const uint64_t> contents = {});

/// Keeps round(share · size) samples of each class, at random, at least one. Ascending.
std::vector<int64_t> stratified_subset(const std::vector<int32_t>& labels, double share, uint64_t seed);

/// Makes a share of the training images (options.validation, else the default) the validation images. No image has a copy,
/// pixel by pixel, on the other side, unless its class has nothing else.
void hold_out_validation(Dataset& dataset, const DatasetOptions& options);

}  // namespace vitrine
