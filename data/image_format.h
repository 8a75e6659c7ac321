// Which format an image file has, told by its first bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace vitrine {

/// A format by its name ("JPEG", "WebP"), or "" for bytes that are nothing known; and whether it has a
/// decoder here.
struct ImageFormat {
    std::string_view name;
    bool is_read = false;
};

/// The start of a file that tells its format.
inline constexpr size_t format_bytes = 16;

ImageFormat image_format(std::span<const uint8_t> start);

/// The first bytes of a regular file, at most format_bytes; none where it is something else or cannot be
/// read. Never waits, as opening a named pipe would.
std::vector<uint8_t> first_bytes(const std::filesystem::path& file);

/// What is read, for messages.
inline constexpr std::string_view readable_formats = "JPEG, PNG, BMP, PGM and PPM are read";

}  // namespace vitrine
