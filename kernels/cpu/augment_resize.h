// Resizing a part of an image, the way of augment_resize.h, with the weights of each axis worked out once.
#pragma once

#include <cstdint>

namespace vitrine::cpu {

/// A part of an image [height, width, 3]: rows are `stride` bytes apart.
struct ImagePart {
    const uint8_t* pixels;
    int64_t stride;
    int64_t height;
    int64_t width;
};

/// `to` is [height, width, 3] and may not overlap the part.
void resize_box(const ImagePart& part, uint8_t* to, int64_t height, int64_t width);

}  // namespace vitrine::cpu
