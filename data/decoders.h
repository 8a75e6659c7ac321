// The decoders behind decode_image, one a format: each takes a whole file and throws ImageError.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/image.h"

namespace vitrine {

Image decode_jpeg(std::span<const uint8_t> bytes, const std::string& path);
Image decode_png(std::span<const uint8_t> bytes, const std::string& path);
Image decode_bmp(std::span<const uint8_t> bytes, const std::string& path);
/// PGM and PPM, binary (P5, P6), up to 16 bits.
Image decode_pnm(std::span<const uint8_t> bytes, const std::string& path);

/// Throws where a side is not in 1 … largest_image_side or the area is over largest_image_pixels.
void check_image_size(int64_t width, int64_t height, const std::string& path);

/// An image of that (checked) size with its pixels allocated.
Image make_image(int64_t width, int64_t height, const std::string& path);

}  // namespace vitrine
