// Images: from the bytes of a file to 8-bit RGB pixels.
//
// The pixels are those of Pillow's `Image.open(file).convert("RGB")`, which is what torchvision's datasets
// read:
//   - alpha and transparent colours are dropped, never blended with a background;
//   - palettes are looked up, bi-level and gray images are copied into three equal channels;
//   - 16-bit colour keeps the high byte of each sample, but a 16-bit *gray* image is clipped at 255;
//   - four-channel JPEG is read as Adobe's inverted CMYK and converted as R = (255-K) - C·(255-K)/255;
//   - orientation tags (EXIF) and colour profiles are ignored.
// Formats: JPEG (libjpeg-turbo), PNG and BMP (stb_image), PGM and PPM. The content decides, never the name.
// Unlike Pillow, a JPEG or PNG whose data end early or do not match their checks is always refused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "engine/error.h"

namespace vitrine {

/// One decoded image; row-major, the three channels of a pixel together.
struct Image {
    int64_t height = 0;
    int64_t width = 0;
    std::vector<uint8_t> pixels;  // [height, width, 3], RGB
};

/// A file that is no readable image; the message is "PATH: REASON".
struct ImageError : Error {
    ImageError(std::string path_of_file, std::string reason_of_failure);
    std::string path;
    std::string reason;
};

/// An image over the limits below. A data set stops on it, where it skips a damaged file.
struct ImageTooLarge : ImageError {
    using ImageError::ImageError;
};

/// The limits are checked on the header, before anything is allocated for the pixels.
inline constexpr int64_t largest_image_side = 65'535;
inline constexpr int64_t largest_image_pixels = 100'000'000;

/// Decodes a whole file in memory; `path` is only for the messages. Throws ImageError or ImageTooLarge.
Image decode_image(std::span<const uint8_t> bytes, const std::string& path);

/// Reads and decodes a file. Throws ImageError, also where the file cannot be read.
Image read_image(const std::filesystem::path& file);

/// True for the extensions that torchvision's ImageFolder takes for images, in either case:
/// .jpg .jpeg .png .ppm .bmp .pgm .tif .tiff .webp
bool has_image_extension(const std::filesystem::path& file);

}  // namespace vitrine
