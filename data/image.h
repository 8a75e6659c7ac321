// Images: from the bytes of a file to 8-bit RGB pixels.
//
// The pixels are those of Pillow's `Image.open(file).convert("RGB")`, which is what torchvision's datasets
// read:
//   - alpha and transparent colours are dropped, never blended with a background;
//   - palettes are looked up, bi-level and gray images are copied into three equal channels;
//   - 16-bit colour keeps the high byte of each sample, but a 16-bit *gray* image is clipped at 255;
//   - four-channel JPEG is read as Adobe's inverted CMYK and converted as R = (255-K) - C·(255-K)/255;
//   - colour profiles are ignored; so are orientations (EXIF), unless the caller wants images upright: then
//     they are what Pillow's ImageOps.exif_transpose makes of them. A TIFF is turned in any case.
// Formats: JPEG (libjpeg-turbo), PNG (libpng), BMP, PBM, PGM, PPM and gray PFM; WebP (libwebp), GIF (giflib)
// and TIFF (libtiff), each where the build has its library. Of several frames or pages the first is read. The
// content decides, never the name. Unlike Pillow, a file whose image ends early is always refused, and so is
// a PNG that does not match its checks.
//
// Any bytes may be given to the decoders. Time and memory follow from the size of the file and of the image
// that its header claims, and the claim is held against the file before anything is allocated: README.md has
// the table.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
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
    /// What the file says of how the camera was held, applied or not: 2 to 8, or 1 for upright
    /// (orientation.h).
    int orientation = 1;
    /// Its share of the memory that all images being decoded may take: see decode_memory.h.
    std::shared_ptr<const void> memory = nullptr;
};

/// A file that is no readable image; the message is "PATH: REASON".
struct ImageError : Error {
    ImageError(std::string path_of_file, std::string reason_of_failure);
    std::string path;
    std::string reason;
};

/// The largest image that is read: 16384 x 16384 pixels, or as many in another shape.
inline constexpr int64_t largest_image_pixels = int64_t{1} << 28;

/// Whether an image that was taken with the camera on its side is turned.
enum class Turning { as_stored, upright };

/// Decodes a whole file in memory; `path` is only for the messages. Throws ImageError; where memory ends, an
/// Error that says so.
Image decode_image(std::span<const uint8_t> bytes, const std::string& path,
                   Turning turning = Turning::as_stored);

/// The first so many bytes of a file, as XXH3 of 64 bits.
struct ContentHash {
    uint64_t bytes = 0;
    uint64_t hash = 0;
    bool operator==(const ContentHash&) const = default;
};

/// A file, or a part of one, such as an image in an archive.
struct FileRange {
    std::filesystem::path file;
    std::string name;  // for messages
    uint64_t offset = 0;
    std::optional<uint64_t> bytes = {};  // none: all from there
};

/// Of up to `bytes`; fewer where the file is shorter, or cannot be read.
ContentHash hash_beginning(const FileRange& range, uint64_t bytes);
ContentHash hash_beginning(const std::filesystem::path& file, uint64_t bytes);

/// Reads and decodes a file, a piece at a time. Throws as decode_image, and ImageError where the file cannot
/// be read or is no regular file.
/// `content`, where it is given, becomes what was read of the file, also where that was no image.
Image read_image(const FileRange& range, ContentHash* content = nullptr,
                 Turning turning = Turning::as_stored);
Image read_image(const std::filesystem::path& file, ContentHash* content = nullptr,
                 Turning turning = Turning::as_stored);

/// True for the extensions that torchvision's ImageFolder takes for images, in either case:
/// .jpg .jpeg .png .ppm .bmp .pgm .tif .tiff .webp
bool has_image_extension(const std::filesystem::path& file);

}  // namespace vitrine
