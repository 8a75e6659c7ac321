// What a run remembers of its data, so that it knows them again: classes, and each image with its class and
// part.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace vitrine {

enum class Part : uint8_t { training, validation, left_out };

/// "training", "validation", "left out"
const char* name_of(Part part);

struct KnownImage {
    std::string name;  // ImageSet::name
    int32_t label = 0;
    Part part = Part::training;
    uint64_t pixels = 0;  // hash of its pixels, read as the identity says: size, orientation

    bool operator==(const KnownImage&) const = default;
};

struct DatasetIdentity {
    std::string kind;
    int64_t height = 0, width = 0;  // of every image; 0: each has its own size
    Keeping keeping;                // Dataset::keeping
    SplitDraw draw;
    bool exif_orientation = false;     // whether its images were turned
    std::vector<std::string> classes;  // Dataset::class_names
    /// Training images, validation images, those left out; each part in the order of its set.
    std::vector<KnownImage> images;

    bool operator==(const DatasetIdentity&) const = default;
    int64_t count(Part part) const;
};

/// What images are the same by, one for each. Reads all pixels that are in memory once, with so many threads (0: one a core); of a
/// packed cache only their hashes.
std::vector<uint64_t> pixel_hashes(const ImageSet& set, int threads = 0);

/// Reads all pixels that are in memory once, with so many threads (0: one a core); of a packed cache only their
/// hashes.
DatasetIdentity identity_of(const Dataset& dataset, int threads = 0);

/// As bytes, for a checkpoint.
std::string pack(const DatasetIdentity& identity);
/// The inverse. Throws Error for bytes that pack() did not make; memory grows with the bytes there are.
DatasetIdentity unpack_identity(std::string_view bytes);

}  // namespace vitrine
