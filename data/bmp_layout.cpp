// Headers, masks and palettes of BMP files: see bmp_layout.h.

#include "data/bmp_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>
#include <string_view>

#include "data/decoders.h"

namespace vitrine {
namespace {

constexpr size_t file_header_bytes = 14;
constexpr uint32_t os2_header = 12;  // sizes of 16 bits, palettes of three bytes a colour
constexpr uint32_t plain_header = 40;
constexpr uint32_t first_header_with_alpha_mask = 56;

enum Compression : uint32_t { none = 0, rle8 = 1, rle4 = 2, bit_fields = 3, jpeg = 4, png = 5 };

/// Numbers of the header, by their places in the file.
struct Header {
    std::span<const uint8_t> bytes;

    uint32_t number(size_t at, size_t count = 4) const {
        uint32_t value = 0;
        for (size_t i = 0; i < count; ++i) value |= uint32_t{bytes[at + i]} << (8 * i);
        return value;
    }

    uint32_t pixels_at() const { return number(10); }
    uint32_t size() const { return number(14); }
    bool is_os2() const { return size() == os2_header; }
    size_t end() const { return file_header_bytes + size(); }
    int64_t width() const {
        return is_os2() ? int64_t{number(18, 2)} : int64_t{static_cast<int32_t>(number(18))};
    }
    /// Pillow takes no other sign than this for a negative height, which says that the top row comes first.
    bool is_top_down() const { return !is_os2() && bytes[25] == 0xFF; }
    int64_t height() const {
        if (is_os2()) return number(20, 2);
        return is_top_down() ? (int64_t{1} << 32) - number(22) : int64_t{number(22)};
    }
    uint32_t bits() const { return is_os2() ? number(24, 2) : number(28, 2); }
    uint32_t compression() const { return is_os2() ? none : number(30); }
    uint64_t colours() const {
        const uint32_t said = is_os2() ? 0 : number(46);
        return said != 0 ? said : uint64_t{1} << bits();
    }
    bool has_palette() const { return bits() == 1 || bits() == 4 || bits() == 8; }
};

[[noreturn]] void throw_unsupported(const std::string& path, const std::string& what) {
    throw ImageError(path, fmt::format("a BMP file {}, which is not supported", what));
}

[[noreturn]] void throw_truncated(const std::string& path) {
    throw ImageError(path, "the BMP file is truncated");
}

Header read_header(BmpBytes& bytes) {
    const std::string& path = bytes.source().path();
    constexpr size_t up_to_size = file_header_bytes + 4;
    const Header start{bytes.keep(0, up_to_size)};
    if (start.bytes.size() < up_to_size) throw_truncated(path);
    constexpr std::array<uint32_t, 7> known = {os2_header, plain_header, 52, 56, 64, 108, 124};
    if (std::ranges::find(known, start.size()) == known.end())
        throw_unsupported(path, fmt::format("with a header of {} bytes", start.size()));
    const Header header{bytes.keep(0, start.end())};
    if (header.bytes.size() < header.end()) throw_truncated(path);
    return header;
}

std::string name_of_compression(uint32_t compression) {
    if (compression == jpeg) return "that holds a JPEG (compression 4)";
    if (compression == png) return "that holds a PNG (compression 5)";
    return fmt::format("with compression {}", compression);
}

void require_known_kind(const Header& header, const std::string& path) {
    constexpr std::array<uint32_t, 6> known = {1, 4, 8, 16, 24, 32};
    if (std::ranges::find(known, header.bits()) == known.end())
        throw_unsupported(path, fmt::format("of {} bits a pixel", header.bits()));
    if (header.compression() > bit_fields) throw_unsupported(path, name_of_compression(header.compression()));
    const bool has_runs = header.compression() == rle8 || header.compression() == rle4;
    if (has_runs && !header.has_palette())
        throw_unsupported(path, fmt::format("with run lengths and {} bits a pixel", header.bits()));
    if (header.compression() == bit_fields && header.has_palette())
        throw_unsupported(path, fmt::format("with masks and {} bits a pixel", header.bits()));
}

/// Red, green, blue, alpha.
using Masks = std::array<uint32_t, 4>;

/// They follow a plain header and are part of the longer ones, at the same place.
Masks read_masks(BmpBytes& bytes, uint32_t header_size) {
    constexpr size_t at = file_header_bytes + plain_header;
    const bool has_alpha = header_size >= first_header_with_alpha_mask;
    const size_t count = has_alpha ? 4 : 3;
    const Header masks{bytes.keep(at, 4 * count)};
    if (masks.bytes.size() < 4 * count) throw_truncated(bytes.source().path());
    Masks values{};
    for (size_t i = 0; i < count; ++i) values[i] = masks.number(4 * i);
    return values;
}

/// The arrangements of whole bytes that Pillow knows.
bool are_known_bytes(const Masks& masks) {
    constexpr std::array<Masks, 8> known = {{{0xFF0000, 0xFF00, 0xFF, 0},
                                             {0xFF000000, 0xFF0000, 0xFF00, 0},
                                             {0xFF000000, 0xFF00, 0xFF, 0},
                                             {0xFF000000, 0xFF0000, 0xFF00, 0xFF},
                                             {0xFF, 0xFF00, 0xFF0000, 0xFF000000},
                                             {0xFF0000, 0xFF00, 0xFF, 0xFF000000},
                                             {0xFF000000, 0xFF00, 0xFF, 0xFF0000},
                                             {0, 0, 0, 0}}};
    return std::ranges::find(known, masks) != known.end();
}

void use_masks(BmpLayout& layout, Masks masks, const std::string& path) {
    const auto rgb_are = [&](uint32_t red, uint32_t green, uint32_t blue) {
        return masks[0] == red && masks[1] == green && masks[2] == blue;
    };
    const bool is_565 = rgb_are(0xF800, 0x7E0, 0x1F);
    const bool known = layout.bits == 16   ? is_565 || rgb_are(0x7C00, 0x3E0, 0x1F)
                       : layout.bits == 24 ? rgb_are(0xFF0000, 0xFF00, 0xFF)
                                           : are_known_bytes(masks);
    if (!known)
        throw_unsupported(path, fmt::format("of {} bits a pixel with the masks {:x}, {:x}, {:x} and {:x}",
                                            layout.bits, masks[0], masks[1], masks[2], masks[3]));
    if (is_565) layout.green_bits = 6;
    if (layout.bits < 32 || masks[0] == 0) return;
    for (size_t channel = 0; channel < 3; ++channel)
        layout.channel_at[channel] = static_cast<size_t>(std::countr_zero(masks[channel])) / 8;
}

constexpr uint8_t low_byte(size_t value) { return static_cast<uint8_t>(value & 0xFF); }

/// Whether a palette is black and white, or the gray levels in their order: Pillow then looks nothing up.
bool is_gray(std::span<const uint8_t> palette, size_t colours, size_t colour_bytes) {
    for (size_t i = 0; i < colours; ++i) {
        const uint8_t level = colours == 2 && i == 1 ? 255 : low_byte(i);
        if (palette.size() < i * colour_bytes + 3) return false;
        const auto colour = palette.subspan(i * colour_bytes, 3);
        if (!std::ranges::all_of(colour, [level](uint8_t value) { return value == level; })) return false;
    }
    return true;
}

/// The levels themselves. Whatever the header says, Pillow reads one bit a pixel where there are two of them
/// and eight where there are more; run lengths are bytes in any case.
void use_gray(BmpLayout& layout, size_t colours) {
    const bool two = colours <= 2;
    for (size_t i = 0; i < layout.palette.size(); ++i)
        layout.palette[i].fill(two ? (i == 0 ? 0 : 255) : low_byte(i));
    layout.bits = two ? 1 : 8;
}

/// What lies behind the palette's end is black.
void use_colours(BmpLayout& layout, std::span<const uint8_t> palette, size_t colour_bytes,
                 const std::string& path) {
    const size_t count = palette.size() / colour_bytes;
    if (count > layout.palette.size())
        throw_unsupported(path, fmt::format("with a palette of {} colours", count));
    for (size_t i = 0; i < count; ++i) {
        const auto colour = palette.subspan(i * colour_bytes, 3);
        layout.palette[i] = {colour[2], colour[1], colour[0]};
    }
}

/// Returns where it ends.
size_t read_palette(BmpBytes& bytes, const Header& header, BmpLayout& layout) {
    const std::string& path = bytes.source().path();
    constexpr uint64_t most_colours = 65536;
    const uint64_t colours = header.colours();
    if (colours > most_colours) throw_unsupported(path, fmt::format("with a palette of {} colours", colours));
    const size_t colour_bytes = header.is_os2() ? 3 : 4;
    const size_t at = header.end();
    const std::span<const uint8_t> palette = bytes.keep(at, colours * colour_bytes);
    if (is_gray(palette, colours, colour_bytes)) {
        use_gray(layout, colours);
    } else {
        use_colours(layout, palette, colour_bytes, path);
    }
    return at + palette.size();
}

uint64_t place_of_pixels(const Header& header, size_t end_of_palette) {
    // Some writers forget their palette.
    if (header.pixels_at() == header.end() && header.has_palette())
        return header.end() + header.colours() * (header.is_os2() ? 3 : 4);
    return header.pixels_at() != 0 ? header.pixels_at() : end_of_palette;
}

}  // namespace

std::span<const uint8_t> BmpBytes::keep(size_t at, size_t count) {
    const size_t before = kept_.size();
    if (at + count > before) {
        const uint64_t there = std::min<uint64_t>(at + count, source_.size());
        kept_.resize(std::max<size_t>(before, there));
        kept_.resize(before + source_.read(kept_.data() + before, kept_.size() - before));
    }
    const size_t first = std::min(at, kept_.size());
    return std::span(kept_).subspan(first, std::min(count, kept_.size() - first));
}

void BmpBytes::go_to(uint64_t at) {
    next_ = std::min<uint64_t>(at, kept_.size());
    source_.skip(at - next_);
}

size_t BmpBytes::read(uint8_t* target, size_t count) {
    const size_t kept = std::min(count, kept_.size() - next_);
    std::copy_n(kept_.data() + next_, kept, target);
    next_ += kept;
    return kept + source_.read(target + kept, count - kept);
}

void BmpBytes::skip(size_t count) {
    const size_t kept = std::min(count, kept_.size() - next_);
    next_ += kept;
    source_.skip(count - kept);
}

BmpLayout read_bmp_layout(BmpBytes& bytes) {
    const std::string& path = bytes.source().path();
    const Header read = read_header(bytes);
    const std::vector<uint8_t> own(read.bytes.begin(), read.bytes.end());  // `bytes` reads on
    const Header header{own};
    check_image_size(header.width(), header.height(), path);
    require_known_kind(header, path);
    BmpLayout layout{.width = header.width(), .height = header.height(), .top_down = header.is_top_down()};
    layout.bits = static_cast<int>(header.bits());
    layout.stride = (layout.width * layout.bits + 31) / 32 * 4;
    if (header.compression() == rle8) layout.coding = BmpCoding::runs_of_bytes;
    if (header.compression() == rle4) layout.coding = BmpCoding::runs_of_halves;
    size_t end = header.end();
    if (header.compression() == bit_fields) {
        use_masks(layout, read_masks(bytes, header.size()), path);
        if (header.size() == plain_header) end += 12;
    }
    if (header.has_palette()) end = read_palette(bytes, header, layout);
    layout.pixels_at = place_of_pixels(header, end);
    if (layout.coding == BmpCoding::rows && layout.row_bytes() > layout.stride)
        throw_unsupported(
            path,
            fmt::format("of {} bits a pixel with the gray levels 0, 1, 2, … as its palette", header.bits()));
    return layout;
}

}  // namespace vitrine
