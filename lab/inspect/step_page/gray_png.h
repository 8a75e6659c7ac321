// Gray pictures as PNG files, small and quickly made.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vitrine::inspect {

/// 8 bits a pixel, [height, width].
std::vector<uint8_t> gray_png(std::span<const uint8_t> pixels, int64_t width, int64_t height);

}  // namespace vitrine::inspect
