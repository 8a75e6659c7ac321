// What a run remembers of its data: see identity.h.

#include "data/identity.h"

#include <xxhash.h>

#include <algorithm>

namespace vitrine {
namespace {

/// What makes two images the same one. Of images of their own sizes two may have the same bytes in other rows.
uint64_t pixel_hash(const ImageSet& set, int64_t i) {
    const ImagePlace place = set.place(i);
    const uint64_t hash = set.pixels.file ? set.pixels.file->hash(set.rows[static_cast<size_t>(i)])
                                          : XXH3_64bits(set.image(i), static_cast<size_t>(place.bytes()));
    return set.height > 0 ? hash
                          : XXH3_64bits_withSeed(&hash, sizeof hash, static_cast<uint64_t>(place.width));
}

void add_images(DatasetIdentity& identity, const ImageSet& set, Part part, int threads) {
    const std::vector<uint64_t> hashes = pixel_hashes(set, threads);
    for (int64_t i = 0; i < set.count; ++i) {
        const auto index = static_cast<size_t>(i);
        identity.images.push_back({set.name(i), set.labels[index], part, hashes[index]});
    }
}

}  // namespace

std::vector<uint64_t> pixel_hashes(const ImageSet& set, int threads) {
    std::vector<uint64_t> hashes(static_cast<size_t>(set.count));
    parallel_for(set.count, threads, [&](int64_t i) { hashes[static_cast<size_t>(i)] = pixel_hash(set, i); });
    return hashes;
}

const char* name_of(Part part) {
    switch (part) {
        case Part::training:
            return "training";
        case Part::validation:
            return "validation";
        case Part::left_out:
            return "left out";
    }
    return "";
}

int64_t DatasetIdentity::count(Part part) const {
    return std::ranges::count(images, part, &KnownImage::part);
}

DatasetIdentity identity_of(const Dataset& dataset, int threads) {
    DatasetIdentity identity{dataset.kind, dataset.train.height,     dataset.train.width, dataset.keeping,
                             dataset.draw, dataset.exif_orientation, dataset.class_names, {}};
    add_images(identity, dataset.train, Part::training, threads);
    add_images(identity, dataset.validation, Part::validation, threads);
    add_images(identity, dataset.left_out, Part::left_out, threads);
    return identity;
}

}  // namespace vitrine
