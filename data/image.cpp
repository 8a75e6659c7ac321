// Reading an image file and choosing its decoder by content: see image.h.

#include "data/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "data/decode_memory.h"
#include "data/decoders.h"
#include "data/image_format.h"
#include "data/orientation.h"

namespace vitrine {
namespace {

Image decode_by_content(ByteSource& source) {
    const std::span<const uint8_t> start = source.look();
    if (start.empty()) throw ImageError(source.path(), "the file is empty");
    const ImageFormat format = image_format(start);
    if (format.name.empty())
        throw ImageError(source.path(), fmt::format("not an image file: {}", readable_formats()));
    if (!format.is_read()) throw ImageError(source.path(), why_not_read(format));
    return format.decode(source);
}

Image decode(ByteSource& source, Turning turning) {
    if (turning == Turning::upright) source.expect_turning();
    try {
        Image image = decode_by_content(source);
        if (turning == Turning::upright) return turned_upright(std::move(image));
        return image;  // which a conditional expression would copy
    } catch (const ImageError&) {
        // A decoder sees no more than the end of its data.
        if (const std::optional<std::string> failure = source.failure())
            throw ImageError(source.path(), *failure);
        throw;
    } catch (const std::bad_alloc&) {
        throw Error(fmt::format("{}: memory ran out while this image was decoded", source.path()));
    }
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
    if (width > largest_image_pixels / height) {
        throw ImageError(path, fmt::format("the header says {}x{} pixels; at most {} in all are read", width,
                                           height, largest_image_pixels));
    }
}

void require_bytes_for(const ByteSource& source, int64_t width, int64_t height, int64_t fewest_bytes) {
    if (source.size() >= static_cast<uint64_t>(fewest_bytes)) return;
    throw ImageError(
        source.path(),
        fmt::format("the file is truncated: its header says {}x{} pixels, its {} bytes cannot hold them",
                    width, height, source.size()));
}

void require_bytes_for_detail(const ByteSource& source, int64_t width, int64_t height) {
    constexpr int64_t taken_on_trust = int64_t{1} << 24;
    constexpr int64_t pixels_a_byte = 4096;
    const int64_t counted = std::max<int64_t>(width * height - taken_on_trust, 0);
    require_bytes_for(source, width, height, counted / pixels_a_byte);
}

std::shared_ptr<const void> reserve_image_memory(ByteSource& source, int64_t width, int64_t height,
                                                 int64_t working_bytes) {
    source.allow_pixels(width * height);
    const int64_t pixel_bytes = 3 * width * height;
    return take_decode_memory(pixel_bytes +
                              std::max(working_bytes, source.expects_turning() ? pixel_bytes : 0));
}

Image make_image(int64_t width, int64_t height, std::shared_ptr<const void> memory) {
    return {.height = height,
            .width = width,
            .pixels = std::vector<uint8_t>(static_cast<size_t>(3 * width * height)),
            .memory = std::move(memory)};
}

Image make_image(ByteSource& source, int64_t width, int64_t height, int64_t working_bytes) {
    return make_image(width, height, reserve_image_memory(source, width, height, working_bytes));
}

Image decode_image(std::span<const uint8_t> bytes, const std::string& path, Turning turning) {
    ByteSource source(bytes, path);
    return decode(source, turning);
}

Image read_image(const std::filesystem::path& file, ContentHash* content, Turning turning) {
    return read_image(FileRange{file, file.string()}, content, turning);
}

Image read_image(const FileRange& range, ContentHash* content, Turning turning) {
    ByteSource source(range);
    if (content == nullptr) return decode(source, turning);
    try {
        Image image = decode(source, turning);
        *content = source.content_read();
        return image;
    } catch (const ImageError&) {
        *content = source.content_read();
        throw;
    }
}

ContentHash hash_beginning(const std::filesystem::path& file, uint64_t bytes) {
    return hash_beginning(FileRange{file, file.string()}, bytes);
}

ContentHash hash_beginning(const FileRange& range, uint64_t bytes) try {
    ByteSource source(range);
    source.limit_to(bytes);
    while (!source.look().empty()) source.consume(source.look().size());
    return source.content_read();
} catch (const ImageError&) {
    return {};
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
