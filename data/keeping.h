// How an image of any size is kept: by the packed cache, by a model that was trained on such images, and by who hands
// it one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "data/image.h"
#include "data/image_size.h"

namespace vitrine {

enum class ImageShape {
    square,    // torchvision's Resize(side), CenterCrop(side)
    aspect,    // torchvision's Resize(side): smaller images are enlarged, nothing is cropped
    original,  // as it is; where its shorter side is above `side` as `aspect`, unless that is 0
};

/// "square", "aspect", "original"
const char* name_of(ImageShape shape);
/// The inverse.
std::optional<ImageShape> image_shape_of(std::string_view name);

struct Keeping {
    ImageShape shape = ImageShape::square;
    int64_t side = 0;  // at least 1; for `original` 0 stands for no limit

    bool operator==(const Keeping&) const = default;
};

/// What an image of this size becomes.
ImageSize kept_size(const ImageSize& size, const Keeping& keeping);

/// With Pillow's pixels (resize.h); without its share of the decoding memory. Throws ImageError where it would have more
/// than largest_image_pixels; `path` is only for the message.
Image keep(Image image, const Keeping& keeping, const std::string& path);

}  // namespace vitrine
