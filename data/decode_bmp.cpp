// BMP by stb_image, read through callbacks that notice where it runs past the end of the file.

#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#include <fmt/format.h>
#include <stb/stb_image.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

#include "data/decoders.h"

namespace vitrine {
namespace {

/// The file as a stream. stb_image takes zeros for what is missing, so only the stream knows of it.
struct Stream {
    ByteSource& source;
    bool ran_out = false;
};

int read_stream(void* user, char* target, int count) {
    auto& stream = *static_cast<Stream*>(user);
    const size_t taken = stream.source.read(reinterpret_cast<uint8_t*>(target), static_cast<size_t>(count));
    stream.ran_out = stream.ran_out || taken == 0;
    return static_cast<int>(taken);
}

void skip_stream(void* user, int count) {
    auto& stream = *static_cast<Stream*>(user);
    const auto wanted = static_cast<size_t>(std::max(count, 0));
    stream.ran_out = stream.ran_out || stream.source.skip(wanted) < wanted;
}

int stream_ended(void* user) { return static_cast<Stream*>(user)->source.look().empty(); }

/// What the header says. Files made up of fewer bytes have zeros in the place of what is missing.
struct BmpHeader {
    static constexpr size_t longest = 70;  // up to the masks

    explicit BmpHeader(std::span<const uint8_t> file) {
        std::copy_n(file.begin(), std::min(file.size(), longest), bytes);
    }

    /// Files of OS/2 have a header of 12 bytes with sizes of 16 bits.
    bool is_short() const { return number(14, 4) == 12; }
    int64_t width() const { return is_short() ? number(18, 2) : signed_number(18); }
    /// A negative one says that the top row comes first.
    int64_t height() const { return is_short() ? number(20, 2) : std::abs(signed_number(22)); }
    int64_t bits() const { return is_short() ? number(24, 2) : number(28, 2); }
    bool has_masks() const { return !is_short() && number(30, 4) == 3; }
    int64_t green_mask() const { return number(58, 4); }

    /// Before its rows are counted: an unknown kind could have rows of any length.
    void require_known_kind(const std::string& path) const {
        constexpr std::array<int64_t, 6> known = {1, 4, 8, 16, 24, 32};
        const int64_t compression = is_short() ? 0 : number(30, 4);
        if (std::find(known.begin(), known.end(), bits()) != known.end() &&
            (compression == 0 || compression == 3))
            return;
        throw ImageError(
            path,
            fmt::format("the BMP data are damaged or of an unknown kind ({} bits a pixel, compression {})",
                        bits(), compression));
    }

    int64_t number(size_t at, size_t count) const {
        int64_t value = 0;
        for (size_t i = 0; i < count; ++i) value |= int64_t{bytes[at + i]} << (8 * i);
        return value;
    }
    int64_t signed_number(size_t at) const {
        return static_cast<int32_t>(static_cast<uint32_t>(number(at, 4)));
    }

    uint8_t bytes[longest] = {};
};

/// 5 or 6 bits a channel: stb_image repeats the high bits in the low ones, Pillow scales by 255 / 31 or 255 /
/// 63 and truncates.
void rescale_16_bit_levels(const BmpHeader& header, Image& image) {
    if (header.bits() != 16) return;
    const int green_bits = header.has_masks() && header.green_mask() == 0x7E0 ? 6 : 5;
    for (size_t i = 0; i < image.pixels.size(); ++i) {
        const int bits = i % 3 == 1 ? green_bits : 5;
        image.pixels[i] = static_cast<uint8_t>((image.pixels[i] >> (8 - bits)) * 255 / ((1 << bits) - 1));
    }
}

[[noreturn]] void throw_unreadable(const std::string& path) {
    const std::string_view reason = stbi_failure_reason();
    if (reason == "outofmem") throw std::bad_alloc();
    throw ImageError(path, fmt::format("the BMP data are damaged or of an unknown kind ({})", reason));
}

}  // namespace

Image decode_bmp(ByteSource& source) {
    const BmpHeader header(source.look());
    const int64_t width = header.width(), height = header.height();
    check_image_size(width, height, source.path());
    header.require_known_kind(source.path());
    // Rows are not compressed in any kind that is read.
    require_bytes_for(source, width, height, height * ((width * header.bits() + 7) / 8));
    Image image = make_image(source, width, height, 3 * width * height);  // stb_image has pixels of its own
    const stbi_io_callbacks callbacks{read_stream, skip_stream, stream_ended};
    Stream stream{source};
    int read_width = 0, read_height = 0, channels = 0;
    const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> pixels(
        stbi_load_from_callbacks(&callbacks, &stream, &read_width, &read_height, &channels, 3),
        stbi_image_free);
    if (stream.ran_out) throw ImageError(source.path(), "the BMP file is truncated");
    if (pixels == nullptr || read_width != width || read_height != height) throw_unreadable(source.path());
    std::copy_n(pixels.get(), image.pixels.size(), image.pixels.begin());
    rescale_16_bit_levels(header, image);
    return image;
}

}  // namespace vitrine
