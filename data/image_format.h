// Which format an image file has, told by its first bytes, and what decodes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vitrine {

class ByteSource;
struct Image;

/// A format by its name ("JPEG", "WebP"), or "" for bytes that are nothing known.
struct ImageFormat {
    std::string_view name;
    /// As in decoders.h; none for a format that is not read.
    Image (*decode)(ByteSource& source) = nullptr;
    /// The Debian package with which a build would read it; "" where none would.
    std::string_view package = "";

    bool is_read() const { return decode != nullptr; }
    /// In this build, or in one with its package.
    bool is_known() const { return is_read() || !package.empty(); }
};

/// The start of a file that tells its format.
inline constexpr size_t format_bytes = 512;  // of SVG; the others show within 18

ImageFormat image_format(std::span<const uint8_t> start);

/// The first bytes of a regular file, at most format_bytes; none where it is something else or cannot be
/// read. Never waits, as opening a named pipe would.
std::vector<uint8_t> first_bytes(const std::filesystem::path& file);

/// What this build reads, for messages: "JPEG, PNG, … and PPM are read".
const std::string& readable_formats();

/// "a PNG", "an AVIF"
std::string with_article(std::string_view name);

/// Why files of a (named) format that is not read are left out: "a HEIF or AVIF file, which is not supported:
/// …" or "a WebP file, which this build does not read: it was made without libwebp-dev".
std::string why_not_read(const ImageFormat& format);

}  // namespace vitrine
