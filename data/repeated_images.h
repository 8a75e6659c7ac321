// Images that a data set has more than once, which nobody sees in its folders: what is measured on an image that was trained on is
// memory, and from one that has two classes nothing can be learned.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/identity.h"

namespace vitrine {

/// By their pixels, as training reads them: the same photograph in another format may differ. Images that are left out do not
/// count.
struct RepeatedImages {
    /// Indices of DatasetIdentity::images.
    struct Pair {
        int64_t image;
        int64_t same;  // the first that it is

        bool operator==(const Pair&) const = default;
    };

    std::vector<Pair> trained_on;     // validation images that are training images, too
    std::vector<Pair> contradictory;  // images that are one of another class, too
};

RepeatedImages repeated_images(const DatasetIdentity& identity);

/// For a user, a sentence on each of the two where there is any.
std::vector<std::string> sentences_on(const RepeatedImages& repeated, const DatasetIdentity& identity);

}  // namespace vitrine
