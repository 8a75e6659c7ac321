// Where an image lies among the pixels of others, which may be of other sizes.
#pragma once

#include <cstdint>

namespace vitrine {

struct ImagePlace {
    int64_t offset = 0;  // in bytes: its pixels [height, width, 3], u8, begin here
    int32_t height = 0;
    int32_t width = 0;

    int64_t bytes() const { return int64_t{3} * height * width; }
    bool operator==(const ImagePlace&) const = default;
};

/// Of image n of equally large ones that lie one after the other.
inline ImagePlace place_among_equals(int64_t n, int64_t height, int64_t width) {
    return {3 * height * width * n, static_cast<int32_t>(height), static_cast<int32_t>(width)};
}

}  // namespace vitrine
