// Gray pictures as PNG files: see gray_png.h. The format asks for little: a header, zlib's stream of the rows, each with a
// byte that names its filter (0: none), and a checksum behind each part.

#include "lab/inspect/step_page/gray_png.h"

#include <zlib.h>

#include <stdexcept>
#include <string_view>

namespace vitrine::inspect {
namespace {

void append_word(std::vector<uint8_t>& bytes, uint32_t word) {
    for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<uint8_t>(word >> shift));
}

void append_chunk(std::vector<uint8_t>& png, std::string_view kind, std::span<const uint8_t> content) {
    append_word(png, static_cast<uint32_t>(content.size()));
    const size_t begin = png.size();
    png.insert(png.end(), kind.begin(), kind.end());
    png.insert(png.end(), content.begin(), content.end());
    append_word(png,
                static_cast<uint32_t>(crc32(0, png.data() + begin, static_cast<uInt>(png.size() - begin))));
}

}  // namespace

std::vector<uint8_t> gray_png(std::span<const uint8_t> pixels, int64_t width, int64_t height) {
    std::vector<uint8_t> rows;
    rows.reserve(static_cast<size_t>((width + 1) * height));
    for (int64_t y = 0; y < height; ++y) {
        rows.push_back(0);
        const auto row = pixels.subspan(static_cast<size_t>(y * width), static_cast<size_t>(width));
        rows.insert(rows.end(), row.begin(), row.end());
    }
    uLongf size = compressBound(static_cast<uLong>(rows.size()));
    std::vector<uint8_t> packed(size);
    if (compress2(packed.data(), &size, rows.data(), static_cast<uLong>(rows.size()), Z_BEST_COMPRESSION) !=
        Z_OK)
        throw std::runtime_error("a picture could not be compressed");
    packed.resize(size);

    std::vector<uint8_t> png{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    std::vector<uint8_t> header;
    append_word(header, static_cast<uint32_t>(width));
    append_word(header, static_cast<uint32_t>(height));
    header.insert(header.end(),
                  {8, 0, 0, 0, 0});  // bits; gray; the only compression and filters; not interlaced
    append_chunk(png, "IHDR", header);
    append_chunk(png, "IDAT", packed);
    append_chunk(png, "IEND", {});
    return png;
}

}  // namespace vitrine::inspect
