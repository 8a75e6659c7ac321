// Formats by their first bytes: see image_format.h.

#include "data/image_format.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/input_file.h"

namespace vitrine {
namespace {

bool begins_with(std::span<const uint8_t> bytes, std::string_view magic) {
    return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

/// Films have the same container under other brands.
bool is_heif(std::span<const uint8_t> start) {
    if (start.size() < 12 || !begins_with(start.subspan(4), "ftyp")) return false;
    constexpr std::array brands{"heic", "heix", "heim", "hevc", "mif1", "msf1", "avif", "avis"};
    return std::ranges::any_of(brands,
                               [&](const char* brand) { return begins_with(start.subspan(8), brand); });
}

}  // namespace

ImageFormat image_format(std::span<const uint8_t> start) {
    using namespace std::string_view_literals;
    if (begins_with(start, "\xFF\xD8\xFF")) return {"JPEG", true};
    if (begins_with(start, "\x89PNG\r\n\x1A\n")) return {"PNG", true};
    if (begins_with(start, "BM")) return {"BMP", true};
    if (begins_with(start, "P5")) return {"PGM", true};
    if (begins_with(start, "P6")) return {"PPM", true};
    if (begins_with(start, "GIF8")) return {"GIF"};
    if (begins_with(start, "II*\0"sv) || begins_with(start, "MM\0*"sv)) return {"TIFF"};
    if (begins_with(start, "RIFF") && start.size() >= 12 && begins_with(start.subspan(8), "WEBP"))
        return {"WebP"};
    if (is_heif(start)) return {"HEIF or AVIF"};
    return {};
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
