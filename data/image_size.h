// The two sides of an image.
#pragma once

#include <compare>
#include <cstdint>

namespace vitrine {

struct ImageSize {
    int64_t width = 0;
    int64_t height = 0;

    auto operator<=>(const ImageSize&) const = default;
};

}  // namespace vitrine
