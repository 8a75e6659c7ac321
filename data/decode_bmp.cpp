// BMP by stb_image, read through callbacks that notice where it runs past the end of the file.

#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#include <fmt/format.h>
#include <stb/stb_image.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "data/decoders.h"

namespace vitrine {
namespace {

/// The file as a stream. stb_image takes zeros for what is missing, so only the stream knows of it.
struct Stream {
    std::span<const uint8_t> bytes;
    size_t position = 0;
    bool ran_out = false;
};

int read_stream(void* user, char* target, int count) {
    auto& stream = *static_cast<Stream*>(user);
    const size_t taken = std::min(static_cast<size_t>(count), stream.bytes.size() - stream.position);
    std::memcpy(target, stream.bytes.data() + stream.position, taken);
    stream.position += taken;
    stream.ran_out = stream.ran_out || taken == 0;
    return static_cast<int>(taken);
}

void skip_stream(void* user, int count) {
    auto& stream = *static_cast<Stream*>(user);
    const auto target = static_cast<int64_t>(stream.position) + count;
    const auto end = static_cast<int64_t>(stream.bytes.size());
    stream.ran_out = stream.ran_out || target > end;
    stream.position = static_cast<size_t>(std::clamp<int64_t>(target, 0, end));
}

int stream_ended(void* user) {
    const auto& stream = *static_cast<Stream*>(user);
    return stream.position == stream.bytes.size();
}

uint32_t little_endian(std::span<const uint8_t> bytes, size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4 && at + i < bytes.size(); ++i) value |= uint32_t{bytes[at + i]} << (8 * i);
    return value;
}

/// 5 or 6 bits a channel: stb_image repeats the high bits in the low ones, Pillow scales by 255 / 31 or 255 /
/// 63 and truncates.
void rescale_16_bit_levels(std::span<const uint8_t> bytes, Image& image) {
    constexpr size_t bits_at = 28, compression_at = 30, green_mask_at = 58;
    if ((little_endian(bytes, bits_at) & 0xFFFF) != 16) return;
    const bool has_masks = little_endian(bytes, compression_at) == 3;
    const int green_bits = has_masks && little_endian(bytes, green_mask_at) == 0x7E0 ? 6 : 5;
    for (size_t i = 0; i < image.pixels.size(); ++i) {
        const int bits = i % 3 == 1 ? green_bits : 5;
        image.pixels[i] = static_cast<uint8_t>((image.pixels[i] >> (8 - bits)) * 255 / ((1 << bits) - 1));
    }
}

[[noreturn]] void throw_unreadable(const std::string& path) {
    throw ImageError(
        path, fmt::format("the BMP data are damaged or of an unknown kind ({})", stbi_failure_reason()));
}

}  // namespace

Image decode_bmp(std::span<const uint8_t> bytes, const std::string& path) {
    int width = 0, height = 0, channels = 0;
    if (stbi_info_from_memory(bytes.data(), static_cast<int>(bytes.size()), &width, &height, &channels) ==
        0) {
        throw_unreadable(path);
    }
    height = std::abs(height);  // a negative height says that the top row comes first
    Image image = make_image(width, height, path);
    const stbi_io_callbacks callbacks{read_stream, skip_stream, stream_ended};
    Stream stream{bytes};
    const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> pixels(
        stbi_load_from_callbacks(&callbacks, &stream, &width, &height, &channels, 3), stbi_image_free);
    if (stream.ran_out) throw ImageError(path, "the BMP file is truncated");
    if (pixels == nullptr) throw_unreadable(path);
    std::copy_n(pixels.get(), image.pixels.size(), image.pixels.begin());
    rescale_16_bit_levels(bytes, image);
    return image;
}

}  // namespace vitrine
