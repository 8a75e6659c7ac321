// Reading an image file and choosing its decoder by content: see image.h.

#include "data/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <climits>
#include <fstream>
#include <string_view>
#include <utility>

#include "data/decoders.h"
#include "data/image_format.h"

namespace vitrine {
namespace {

void check_file_size(uintmax_t bytes, const std::string& path) {
    if (bytes > INT_MAX) throw ImageTooLarge(path, "the file has over 2 GiB, which no allowed image needs");
}

}  // namespace

ImageError::ImageError(std::string path_of_file, std::string reason_of_failure)
    : Error(path_of_file + ": " + reason_of_failure),
      path(std::move(path_of_file)),
      reason(std::move(reason_of_failure)) {}

void check_image_size(int64_t width, int64_t height, const std::string& path) {
    if (width < 1 || height < 1) {
        throw ImageError(
            path, fmt::format("the header says {}x{} pixels; an image needs at least one", width, height));
    }
    if (width > largest_image_side || height > largest_image_side || width * height > largest_image_pixels) {
        throw ImageTooLarge(
            path, fmt::format("the image has {}x{} pixels; at most {} on a side and {} in all are allowed",
                              width, height, largest_image_side, largest_image_pixels));
    }
}

Image make_image(int64_t width, int64_t height, const std::string& path) {
    check_image_size(width, height, path);
    return {height, width, std::vector<uint8_t>(static_cast<size_t>(3 * width * height))};
}

Image decode_image(std::span<const uint8_t> bytes, const std::string& path) {
    if (bytes.empty()) throw ImageError(path, "the file is empty");
    if (bytes.size() > INT_MAX)
        throw ImageTooLarge(path, "the file has over 2 GiB, which no allowed image needs");
    const ImageFormat format = image_format(bytes);
    if (format.name == "JPEG") return decode_jpeg(bytes, path);
    if (format.name == "PNG") return decode_png(bytes, path);
    if (format.name == "BMP") return decode_bmp(bytes, path);
    if (format.name == "PGM" || format.name == "PPM") return decode_pnm(bytes, path);
    if (format.name.empty()) throw ImageError(path, fmt::format("not an image file: {}", readable_formats));
    throw ImageError(path,
                     fmt::format("a {} file, which is not supported: {}", format.name, readable_formats));
}

Image read_image(const std::filesystem::path& file) {
    std::error_code failure;
    const auto size = std::filesystem::file_size(file, failure);
    if (!failure) check_file_size(size, file.string());
    std::vector<uint8_t> bytes(failure ? 0 : size);
    errno = 0;
    std::ifstream stream(file, std::ios::binary);
    if (!stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()))) {
        failure = std::error_code(errno, std::generic_category());
    }
    if (failure)
        throw ImageError(file.string(), fmt::format("the file cannot be read ({})", failure.message()));
    return decode_image(bytes, file.string());
}

bool has_image_extension(const std::filesystem::path& file) {
    static constexpr std::array<std::string_view, 9> extensions = {".jpg", ".jpeg", ".png",  ".ppm", ".bmp",
                                                                   ".pgm", ".tif",  ".tiff", ".webp"};
    std::string extension = file.extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

}  // namespace vitrine
