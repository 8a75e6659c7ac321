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

/// Films have the same container under other brands.
bool is_heif(Start start) {
    if (start.size() < 12 || !begins_with(start.subspan(4), "ftyp")) return false;
    constexpr std::array brands{"heic", "heix", "heim", "hevc", "mif1", "msf1", "avif", "avis"};
    return std::ranges::any_of(brands,
                               [&](const char* brand) { return begins_with(start.subspan(8), brand); });
}

bool is_webp(Start start) {
    return start.size() >= 12 && begins_with(start, "RIFF") && begins_with(start.subspan(8), "WEBP");
}

bool is_tiff(Start start) { return begins_with(start, "II*\0"sv) || begins_with(start, "MM\0*"sv); }

struct KnownFormat {
    ImageFormat format;
    bool (*begins)(Start start);
};

/// The one list of formats: what is added here is read, and named in messages, everywhere.
constexpr KnownFormat known_formats[] = {
    {{"JPEG", decode_jpeg}, [](Start start) { return begins_with(start, "\xFF\xD8\xFF"); }},
    {{"PNG", decode_png}, [](Start start) { return begins_with(start, "\x89PNG\r\n\x1A\n"); }},
    {{"BMP", decode_bmp}, [](Start start) { return begins_with(start, "BM"); }},
    {{"PGM", decode_pnm}, [](Start start) { return begins_with(start, "P5"); }},
    {{"PPM", decode_pnm}, [](Start start) { return begins_with(start, "P6"); }},
    {{"WebP"}, is_webp},
    {{"GIF"}, [](Start start) { return begins_with(start, "GIF8"); }},
    {{"TIFF"}, is_tiff},
    {{"HEIF or AVIF"}, is_heif},
};

}  // namespace

ImageFormat image_format(std::span<const uint8_t> start) {
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

std::string why_not_read(const ImageFormat& format) {
    if (format.package.empty())
        return fmt::format("a {} file, which is not supported: {}", format.name, readable_formats());
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
