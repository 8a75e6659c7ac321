// Formats by their first bytes: see image_format.h.

#include "data/image_format.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "data/decoders.h"
#include "engine/input_file.h"

namespace vitrine {
namespace {

using namespace std::string_view_literals;
using Start = std::span<const uint8_t>;

bool begins_with(Start bytes, std::string_view magic) {
    return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

/// A container of Apple's and MPEG's. Films have it under other brands.
template <size_t count>
bool has_brand(Start start, const std::array<const char*, count>& brands) {
    if (start.size() < 12 || !begins_with(start.subspan(4), "ftyp")) return false;
    return std::ranges::any_of(brands,
                               [&](const char* brand) { return begins_with(start.subspan(8), brand); });
}

bool is_avif(Start start) { return has_brand(start, std::array{"avif", "avis"}); }
bool is_heif(Start start) {
    return has_brand(start, std::array{"heic", "heix", "heim", "heis", "hevc", "hevx"});
}
bool is_either(Start start) { return has_brand(start, std::array{"mif1", "msf1"}); }

/// A letter and a digit alone would be many a text.
bool is_pnm(Start start, std::string_view magic) {
    const auto ends = [](uint8_t letter) {
        return letter == '#' || letter == ' ' || (letter >= '\t' && letter <= '\r');
    };
    return begins_with(start, magic) && start.size() > magic.size() && ends(start[magic.size()]);
}

bool is_jpeg_2000(Start start) {
    return begins_with(start, "\0\0\0\x0CjP  \r\n\x87\n"sv) || begins_with(start, "\xFF\x4F\xFF\x51");
}

bool is_jpeg_xl(Start start) {
    return begins_with(start, "\0\0\0\x0CJXL \r\n\x87\n"sv) || begins_with(start, "\xFF\x0A");
}

/// Several images in one file; with other first bytes, cursors.
bool is_icon(Start start, std::string_view magic) {
    return begins_with(start, magic) && start.size() >= 6 && start[4] + start[5] > 0;
}

bool is_svg(Start start) {
    const std::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
    const size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
    return first != std::string_view::npos && text[first] == '<' &&
           text.find("<svg") != std::string_view::npos;
}

/// It has no magic: the fields of its header are held against what they may be.
bool is_tga(Start start) {
    if (start.size() < 18 || start[1] > 1) return false;
    const int kind = start[2] & ~8, bits = start[16];
    const bool kind_fits = start[1] == 1 ? kind == 1 : kind == 2 || kind == 3;
    const bool map_fits = start[1] == 1 ? start[7] == 16 || start[7] == 24 || start[7] == 32
                                        : std::ranges::count(start.subspan(3, 5), 0) == 5;
    const bool bits_fit = bits == 8 || bits == 15 || bits == 16 || bits == 24 || bits == 32;
    return kind_fits && map_fits && bits_fit && start[12] + start[13] > 0 && start[14] + start[15] > 0;
}

bool is_pcx(Start start) {
    return start.size() >= 4 && start[0] == 10 && start[1] <= 5 && start[2] == 1 &&
           (start[3] == 1 || start[3] == 2 || start[3] == 4 || start[3] == 8);
}

/// A BMP without the header of its file, as it is inside of other files.
bool is_dib(Start start) {
    constexpr std::array headers{12, 40, 52, 56, 64, 108, 124};
    if (start.size() < 16 || start[1] + start[2] + start[3] > 0) return false;
    const size_t planes = start[0] == 12 ? 8 : 12;
    return std::ranges::find(headers, int{start[0]}) != headers.end() && start[planes] == 1 &&
           start[planes + 1] == 0;
}

/// OS/2's collections of bitmaps.
bool is_bitmap_array(Start start) {
    return begins_with(start, "BA") && start.size() >= 16 && begins_with(start.subspan(14), "BM");
}

bool is_webp(Start start) {
    return start.size() >= 12 && begins_with(start, "RIFF") && begins_with(start.subspan(8), "WEBP");
}

/// In either byte order, with offsets of 32 bits or (BigTIFF) of 64.
bool is_tiff(Start start) {
    return begins_with(start, "II*\0"sv) || begins_with(start, "MM\0*"sv) || begins_with(start, "II+\0"sv) ||
           begins_with(start, "MM\0+"sv);
}

using Decoder = Image (*)(ByteSource&);
#if VITRINE_HAS_WEBP
constexpr Decoder webp_decoder = decode_webp;
#else
constexpr Decoder webp_decoder = nullptr;
#endif
#if VITRINE_HAS_GIF
constexpr Decoder gif_decoder = decode_gif;
#else
constexpr Decoder gif_decoder = nullptr;
#endif
#if VITRINE_HAS_TIFF
constexpr Decoder tiff_decoder = decode_tiff;
#else
constexpr Decoder tiff_decoder = nullptr;
#endif

struct KnownFormat {
    ImageFormat format;
    bool (*begins)(Start start);
};

/// The one list of formats: what is added here is read, and named in messages, everywhere.
constexpr KnownFormat known_formats[] = {
    {{"JPEG", decode_jpeg}, [](Start start) { return begins_with(start, "\xFF\xD8\xFF"); }},
    {{"PNG", decode_png}, [](Start start) { return begins_with(start, "\x89PNG\r\n\x1A\n"); }},
    {{"BMP", decode_bmp}, [](Start start) { return begins_with(start, "BM"); }},
    {{"PBM", decode_pnm}, [](Start start) { return is_pnm(start, "P1") || is_pnm(start, "P4"); }},
    {{"PGM", decode_pnm}, [](Start start) { return is_pnm(start, "P2") || is_pnm(start, "P5"); }},
    {{"PPM", decode_pnm}, [](Start start) { return is_pnm(start, "P3") || is_pnm(start, "P6"); }},
    {{"PFM", decode_pnm}, [](Start start) { return is_pnm(start, "Pf"); }},
    {{"WebP", webp_decoder, "libwebp-dev"}, is_webp},
    {{"GIF", gif_decoder, "libgif-dev"}, [](Start start) { return begins_with(start, "GIF8"); }},
    {{"TIFF", tiff_decoder, "libtiff-dev"}, is_tiff},
    {{"AVIF"}, is_avif},
    {{"HEIF"}, is_heif},
    {{"HEIF or AVIF"}, is_either},
    {{"JPEG 2000"}, is_jpeg_2000},
    {{"JPEG XL"}, is_jpeg_xl},
    {{"colour PFM"}, [](Start start) { return is_pnm(start, "PF"); }},
    {{"XV thumbnail"}, [](Start start) { return begins_with(start, "P7 332"); }},
    {{"PAM"}, [](Start start) { return is_pnm(start, "P7"); }},
    {{"ICO"}, [](Start start) { return is_icon(start, "\0\0\1\0"sv); }},
    {{"CUR"}, [](Start start) { return is_icon(start, "\0\0\2\0"sv); }},
    {{"ICNS"}, [](Start start) { return begins_with(start, "icns"); }},
    {{"OS/2 bitmap array"}, is_bitmap_array},
    {{"DIB"}, is_dib},
    {{"PSD"}, [](Start start) { return begins_with(start, "8BPS"); }},
    {{"SVG"}, is_svg},
    {{"OpenEXR"}, [](Start start) { return begins_with(start, "\x76\x2F\x31\x01"); }},
    {{"Radiance HDR"},
     [](Start start) { return begins_with(start, "#?RADIANCE") || begins_with(start, "#?RGBE"); }},
    {{"DDS"}, [](Start start) { return begins_with(start, "DDS \x7C"); }},
    {{"QOI"}, [](Start start) { return begins_with(start, "qoif"); }},
    {{"FITS"}, [](Start start) { return begins_with(start, "SIMPLE  ="); }},
    {{"Sun raster"}, [](Start start) { return begins_with(start, "\x59\xA6\x6A\x95"); }},
    {{"MNG"}, [](Start start) { return begins_with(start, "\x8AMNG\r\n\x1A\n"); }},
    {{"BPG"}, [](Start start) { return begins_with(start, "BPG\xFB"); }},
    {{"DjVu"}, [](Start start) { return begins_with(start, "AT&TFORM"); }},
    {{"WMF"}, [](Start start) { return begins_with(start, "\xD7\xCD\xC6\x9A"); }},
    {{"PDF"}, [](Start start) { return begins_with(start, "%PDF-"); }},
    {{"PostScript"},
     [](Start start) { return begins_with(start, "%!PS") || begins_with(start, "\xC5\xD0\xD3\xC6"); }},
    {{"PCX"}, is_pcx},
    {{"TGA"}, is_tga},
};

}  // namespace

ImageFormat image_format(std::span<const uint8_t> start) {
    start = start.first(std::min(start.size(), format_bytes));
    for (const KnownFormat& known : known_formats) {
        if (known.begins(start)) return known.format;
    }
    return {};
}

const std::string& readable_formats() {
    static const std::string sentence = [] {
        std::vector<std::string_view> names;
        for (const KnownFormat& known : known_formats) {
            if (known.format.is_read()) names.push_back(known.format.name);
        }
        const std::string_view last = names.back();
        names.pop_back();
        return fmt::format("{} and {} are read", fmt::join(names, ", "), last);
    }();
    return sentence;
}

std::string with_article(std::string_view name) {
    constexpr std::string_view begin_with_vowel = "AEIO";
    constexpr std::array<std::string_view, 3> spelt_out{"MNG", "SVG",
                                                        "XV thumbnail"};  // and begin with one, then
    const bool vowel = begin_with_vowel.find(name.front()) != std::string_view::npos ||
                       std::ranges::find(spelt_out, name) != spelt_out.end();
    return fmt::format("{} {}", vowel ? "an" : "a", name);
}

std::string why_not_read(const ImageFormat& format) {
    if (format.package.empty())
        return fmt::format("{} file, which is not supported: {}", with_article(format.name),
                           readable_formats());
    return fmt::format("a {} file, which this build does not read: it was made without {}", format.name,
                       format.package);
}

std::vector<uint8_t> first_bytes(const std::filesystem::path& file) try {
    InputFile opened(file);
    std::vector<uint8_t> bytes(format_bytes);
    bytes.resize(opened.read({reinterpret_cast<char*>(bytes.data()), bytes.size()}));
    return bytes;
} catch (const FileError&) {
    return {};
}

}  // namespace vitrine
