// Which images of two looks at a data set are the same ones.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace vitrine {

/// What an image is known by: hashes of its name and of its pixels, both read at the same size.
struct ImageKey {
    uint64_t name = 0, pixels = 0;
};

/// Of a name.
uint64_t name_hash(std::string_view name);

enum class Sameness : uint8_t {
    same,     // in name and pixels
    moved,    // the same pixels under another name
    changed,  // other pixels under the same name
    copy,     // the pixels of an image that is there too, under a name of its own
    fresh     // neither its name nor its pixels were there
};

struct ImageMatch {
    Sameness how = Sameness::fresh;
    int64_t earlier = -1;  // index of the image that it is (of a copy: the one that it copies)
};

/// For each image of `now` what it is of `earlier`. No two of them are the same one, copies aside. Pixels
/// tell more than names: two files that have changed places are moved, not changed.
std::vector<ImageMatch> match_images(std::span<const ImageKey> earlier, std::span<const ImageKey> now);

}  // namespace vitrine
