// Resizing with Pillow's arithmetic, bit for bit: what torchvision's Resize and CenterCrop do to a PIL image.
//
// Bilinear with antialiasing: an output pixel is a weighted mean over the input pixels under a triangle whose
// half width is max(1, scale), scale = input / output size. Weights are normalised in f64, then rounded to
// fixed point with 22 bits. Columns are resampled first, rounded to u8 (half up), then rows. The tests hold
// golden images.
#pragma once

#include <cstdint>

#include "data/image.h"

namespace vitrine {

/// Resizes to exactly `height` x `width` (both at least 1).
Image resize(const Image& image, int64_t height, int64_t width);

/// The longer side where the shorter one becomes `size`, truncated as Python's int(size * long / short).
int64_t longer_side(int64_t shorter, int64_t longer, int64_t size);

/// torchvision's Resize(size): the shorter side becomes `size`, the other longer_side().
Image resize_shorter_side(const Image& image, int64_t size);

/// torchvision's Resize(size), then CenterCrop(size): any image as a square of `size` x `size`. The corner of
/// the crop is at half of what is left over, a tie going to the even number. Only what the crop keeps is
/// computed.
Image resize_and_crop(const Image& image, int64_t size);

}  // namespace vitrine
