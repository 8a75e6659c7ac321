// Orientations in the chunks of a PNG: see png_text.h.

#include "data/png_text.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>
#include <vector>

#include "data/orientation.h"

namespace vitrine {
namespace {

using namespace std::string_view_literals;

/// Pillow opens no image with a longer one.
constexpr size_t longest_text = 1 << 20;

std::string_view as_text(std::span<const uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Takes what stands before the first zero off the front; nothing where there is none.
std::optional<std::string_view> take_to_zero(std::string_view& text) {
    const size_t end = text.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view front = text.substr(0, end);
    text.remove_prefix(end + 1);
    return front;
}

std::optional<std::string> inflated(std::string_view packed) {
    std::string text(longest_text, '\0');
    uLongf length = longest_text;
    const int result = uncompress(reinterpret_cast<Bytef*>(text.data()), &length,
                                  reinterpret_cast<const Bytef*>(packed.data()), packed.size());
    if (result != Z_OK) return std::nullopt;
    text.resize(length);
    return text;
}

/// What stands behind the keyword in a chunk of this name.
std::optional<std::string> content_of(std::string_view chunk, std::string_view rest) {
    bool is_packed = chunk == "zTXt";
    if (chunk != "tEXt") {
        const size_t flags = chunk == "iTXt" ? 2 : 1;  // whether it is packed, only of iTXt, and how: 0
        if (rest.size() < flags || rest[flags - 1] != 0) return std::nullopt;
        if (chunk == "iTXt") is_packed = rest[0] != 0;
        rest.remove_prefix(flags);
    }
    // Its language, and the keyword in that.
    if (chunk == "iTXt" && (!take_to_zero(rest) || !take_to_zero(rest))) return std::nullopt;
    return is_packed ? inflated(rest) : std::string(rest);
}

int digit_of(char letter) {
    if (letter >= '0' && letter <= '9') return letter - '0';
    if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
    if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
    return -1;
}

/// Three lines (an empty one, "exif", the length), and EXIF in hexadecimal digits.
std::optional<int64_t> orientation_in_raw_profile(std::string_view text) {
    for (int line = 0; line < 3; ++line) {
        const size_t end = text.find('\n');
        if (end == std::string_view::npos) return std::nullopt;
        text.remove_prefix(end + 1);
    }
    std::vector<uint8_t> exif;
    int high = -1;
    for (const char letter : text) {
        if (letter == '\n' || (high < 0 && " \t\r\v\f"sv.find(letter) != std::string_view::npos)) continue;
        const int digit = digit_of(letter);
        if (digit < 0) return 0;
        if (high >= 0) exif.push_back(static_cast<uint8_t>(high << 4 | digit));
        high = high >= 0 ? -1 : digit;
    }
    return high >= 0 ? 0 : orientation_in_exif(exif);
}

}  // namespace

void PngOrientation::take(std::string_view name, std::span<const uint8_t> data) noexcept {
    try {
        if (name == "eXIf") {
            in_exif_ = orientation_in_exif(data);
            has_exif_ = true;
        } else if (name == "tEXt" || name == "zTXt" || name == "iTXt") {
            take_text(name, data);
        }
    } catch (const std::bad_alloc&) {
    }
}

void PngOrientation::take_text(std::string_view name, std::span<const uint8_t> data) {
    std::string_view rest = as_text(data);
    const std::optional<std::string_view> keyword = take_to_zero(rest);
    const bool is_xmp = keyword == "XML:com.adobe.xmp"sv, is_profile = keyword == "Raw profile type exif"sv;
    if (!is_xmp && !is_profile) return;
    const std::optional<std::string> text = content_of(name, rest);
    if (!text) return;
    (is_xmp ? in_xmp_ : in_raw_profile_) =
        is_xmp ? orientation_in_xmp(*text) : orientation_in_raw_profile(*text);
}

int PngOrientation::value() const { return orientation_of(has_exif_ ? in_exif_ : in_raw_profile_, in_xmp_); }

}  // namespace vitrine
