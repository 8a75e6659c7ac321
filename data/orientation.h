// EXIF orientation: how the camera was held, a number from 1 (upright) to 8, and turning pixels accordingly.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "data/image.h"

namespace vitrine {

/// The orientation that EXIF data (the bytes of a small TIFF file, "Exif" and two zeros before it or not)
/// name in their first directory, whatever the number is; nothing where they have none, 0 where they are no
/// EXIF at all. Any bytes may be given.
std::optional<int64_t> orientation_in_exif(std::span<const uint8_t> exif);

/// The same of XMP, which is a text.
std::optional<int64_t> orientation_in_xmp(std::string_view xmp);

/// For Image::orientation. As in Pillow, XMP counts where EXIF has none; what is no orientation is 1.
int orientation_of(std::optional<int64_t> in_exif, std::optional<int64_t> in_xmp = std::nullopt);

/// The image as it was seen, as Pillow's ImageOps.exif_transpose turns it. Takes the memory of a second one
/// meanwhile.
Image turned_upright(Image image);

}  // namespace vitrine
