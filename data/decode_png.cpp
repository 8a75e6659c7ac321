// PNG by stb_image. stb_image trusts the file, so the chunks and their checksums are looked through first.

#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#include <fmt/format.h>
#include <stb/stb_image.h>
#include <zlib.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "data/decoders.h"

namespace vitrine {
namespace {

constexpr size_t signature_bytes = 8;
constexpr size_t chunk_frame_bytes = 12;  // length, name, checksum
constexpr size_t full_palette_bytes = 3 * 256;

enum ColourType { gray = 0, palette = 3 };

uint32_t big_endian(const uint8_t* bytes) {
    return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

/// What the chunks say about the image.
struct PngHeader {
    int64_t width = 0;
    int64_t height = 0;
    int depth = 0;
    int colour_type = 0;
    std::span<const uint8_t> palette_chunk;  // the whole PLTE chunk with its frame; empty if there is none
};

/// Walks over all chunks. Throws where one is cut off, where a checksum of one that pixels depend on does not
/// hold, or where the first or last one is missing.
PngHeader read_chunks(std::span<const uint8_t> bytes, const std::string& path) {
    PngHeader header;
    for (size_t at = signature_bytes; at + chunk_frame_bytes <= bytes.size();) {
        const size_t length = big_endian(&bytes[at]);
        if (length > bytes.size() - at - chunk_frame_bytes) break;
        const uint8_t* name = &bytes[at + 4];
        const uint8_t* body = name + 4;
        const std::string_view chunk(reinterpret_cast<const char*>(name), 4);
        const bool critical = (name[0] & 0x20) == 0;  // a capital letter, in all files that are sound
        if (critical && crc32_z(0, name, length + 4) != big_endian(body + length)) {
            throw ImageError(path, "the PNG data are damaged (a checksum does not match)");
        }
        if ((at == signature_bytes) != (chunk == "IHDR") || (chunk == "IHDR" && length != 13)) {
            throw ImageError(path, "the PNG data are damaged (the header chunk is not where it belongs)");
        }
        if (critical && chunk != "IHDR" && chunk != "PLTE" && chunk != "IDAT" && chunk != "IEND") {
            throw ImageError(path, "the PNG data are damaged (a chunk of an unknown kind)");
        }
        if (chunk == "IHDR") {
            header.width = big_endian(body);
            header.height = big_endian(body + 4);
            header.depth = body[8];
            header.colour_type = body[9];
        }
        if (chunk == "PLTE") header.palette_chunk = bytes.subspan(at, length + chunk_frame_bytes);
        if (chunk == "IEND") return header;
        at += length + chunk_frame_bytes;
    }
    throw ImageError(path, "the PNG file is truncated");
}

/// A copy of the file whose palette has all 256 entries, the added ones black: stb_image would otherwise read
/// past the palette for an index that has no entry. stb_image ignores checksums, so the old one may stay.
std::vector<uint8_t> with_full_palette(std::span<const uint8_t> bytes,
                                       std::span<const uint8_t> palette_chunk) {
    const size_t frame_end =
        static_cast<size_t>(palette_chunk.data() - bytes.data()) + palette_chunk.size() - 4;
    const size_t added = full_palette_bytes - (palette_chunk.size() - chunk_frame_bytes);
    std::vector<uint8_t> copy(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(frame_end));
    copy.resize(frame_end + added, 0);
    copy.insert(copy.end(), bytes.begin() + static_cast<std::ptrdiff_t>(frame_end), bytes.end());
    const size_t length_at = static_cast<size_t>(palette_chunk.data() - bytes.data());
    copy[length_at + 2] = full_palette_bytes >> 8;
    copy[length_at + 3] = full_palette_bytes & 0xFF;
    return copy;
}

template <typename Sample>
using StbPixels = std::unique_ptr<Sample, decltype(&stbi_image_free)>;

template <typename Sample>
StbPixels<Sample> take_pixels(Sample* pixels, const std::string& path) {
    if (pixels == nullptr) {
        throw ImageError(
            path, fmt::format("the PNG data are damaged or of an unknown kind ({})", stbi_failure_reason()));
    }
    return {pixels, stbi_image_free};
}

}  // namespace

Image decode_png(std::span<const uint8_t> bytes, const std::string& path) {
    const PngHeader header = read_chunks(bytes, path);
    Image image = make_image(header.width, header.height, path);
    std::vector<uint8_t> repaired;
    if (header.colour_type == palette && !header.palette_chunk.empty() &&
        header.palette_chunk.size() < full_palette_bytes + chunk_frame_bytes) {
        repaired = with_full_palette(bytes, header.palette_chunk);
        bytes = repaired;
    }
    const int size = static_cast<int>(bytes.size());
    int width = 0, height = 0, channels = 0;
    if (header.colour_type == gray && header.depth == 16) {
        const auto samples =
            take_pixels(stbi_load_16_from_memory(bytes.data(), size, &width, &height, &channels, 1), path);
        for (size_t i = 0; i < image.pixels.size(); ++i) {
            image.pixels[i] = static_cast<uint8_t>(std::min<int>(samples.get()[i / 3], 255));
        }
    } else {
        const auto samples =
            take_pixels(stbi_load_from_memory(bytes.data(), size, &width, &height, &channels, 3), path);
        std::copy_n(samples.get(), image.pixels.size(), image.pixels.begin());
    }
    return image;
}

}  // namespace vitrine
