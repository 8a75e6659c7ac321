// For every kernel an image has a section .nv.info.SYMBOL of attributes: {u8 format, u8 attribute, u16 value}, and with
// format 4 `value` more bytes. Attribute 5 (EIATTR_MAX_THREADS) is the largest block as three 32-bit numbers: x, y, z.

#include "lab/resources/report/block_sizes.h"

#include <cstdint>
#include <optional>

#include "lab/resources/report/bytes.h"
#include "lab/resources/report/gpu_images.h"

namespace vitrine::resources {
namespace {

constexpr unsigned char format_sized = 4;
constexpr unsigned char attribute_max_threads = 5;
constexpr std::string_view info_prefix = ".nv.info.";

std::optional<int> max_threads(std::string_view attributes) {
    for (size_t at = 0; at + 4 <= attributes.size();) {
        const auto format = static_cast<unsigned char>(attributes[at]);
        const auto attribute = static_cast<unsigned char>(attributes[at + 1]);
        const uint16_t value = *read<uint16_t>(attributes, at + 2);
        at += 4;
        if (format != format_sized) continue;
        if (attribute == attribute_max_threads) {
            const auto x = read<uint32_t>(attributes, at), y = read<uint32_t>(attributes, at + 4),
                       z = read<uint32_t>(attributes, at + 8);
            if (x && y && z) return static_cast<int>(*x * *y * *z);
        }
        at += value;
    }
    return std::nullopt;
}

}  // namespace

std::map<std::pair<std::string, int>, int> block_sizes(std::string_view object) {
    std::map<std::pair<std::string, int>, int> sizes;
    for (const GpuImage& image : gpu_images(object)) {
        for (const GpuSection& section : image.sections) {
            if (!section.name.starts_with(info_prefix)) continue;
            if (const auto threads = max_threads(section.bytes))
                sizes[{section.name.substr(info_prefix.size()), image.architecture}] = *threads;
        }
    }
    return sizes;
}

}  // namespace vitrine::resources
