// What the tests of data/ share: temporary folders, small files, messages of errors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/cache.h"
#include "data/dataset.h"
#include "data/image.h"
#include "tests/error_of.h"

namespace vitrine::test {

using Bytes = std::vector<uint8_t>;

/// A new folder that goes away with the object.
class TemporaryFolder {
  public:
    TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder();
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

/// The folder of the golden images.
std::filesystem::path golden_images();

/// The folder of the golden WebP, GIF and TIFF files.
std::filesystem::path golden_formats();

Bytes read_bytes(const std::filesystem::path& file);
/// Writes a file and the folders above it.
void write_bytes(const std::filesystem::path& file, const Bytes& bytes);
void write_text(const std::filesystem::path& file, const std::string& text);

Bytes bytes_of(std::string_view text);
/// Writes four bytes over those from `at` on.
void put_big_endian(Bytes& bytes, size_t at, uint32_t value);

/// What decode_image says of a "folder/file" with these bytes; "no error" where it reads them.
std::string decode_error(const Bytes& bytes);

/// A golden result: a binary PPM as Pillow writes it ("P6\nW H\n255\n"), read without the decoder under test.
Image read_golden(const std::filesystem::path& file);

/// An image file (PPM) of one colour.
void write_image(const std::filesystem::path& file, int64_t height, int64_t width, uint8_t red, uint8_t green,
                 uint8_t blue);

/// train/ and val/ with the classes ant, bee and cat: 4 training and 2 validation images each, 8 x 8 pixels.
/// Image i of class c has red 50·c + i, green 100 in train and 200 in val.
void write_image_folder(const std::filesystem::path& root);

/// Those of a file that was decoded.
Bytes pixels_of(const PackedImages& packed, size_t row);

/// Options for a folder with the cache inside `cache`.
DatasetOptions folder_options(const std::filesystem::path& path, const std::filesystem::path& cache);

}  // namespace vitrine::test
