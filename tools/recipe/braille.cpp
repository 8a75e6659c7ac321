// Braille for plots: see braille.h.

#include "tools/recipe/braille.h"

namespace vitrine::tools {
namespace {

/// U+2800 + dots in UTF-8.
std::string braille(uint8_t dots) {
    const char bytes[] = {'\xe2', static_cast<char>(0xa0 | dots >> 6),
                          static_cast<char>(0x80 | (dots & 0x3f)), 0};
    return bytes;
}

/// Unicode numbers the dots of the upper three rows down each column, and the lowest row afterwards.
constexpr uint8_t dot_bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

}  // namespace

BrailleCanvas::BrailleCanvas(int64_t columns, int64_t rows)
    : columns_(columns),
      rows_(rows),
      cells_(static_cast<size_t>(columns * rows)),
      marks_(static_cast<size_t>(columns), " ") {}

void BrailleCanvas::vertical(int64_t x, int64_t top, int64_t bottom) {
    for (int64_t y = top; y <= bottom; ++y)
        cells_[static_cast<size_t>(y / 4 * columns_ + x / 2)] |= dot_bits[y % 4][x % 2];
}

void BrailleCanvas::mark_column(int64_t column, std::string mark) {
    marks_[static_cast<size_t>(column)] = std::move(mark);
}

std::string BrailleCanvas::row(int64_t row) const {
    std::string text;
    for (int64_t column = 0; column < columns_; ++column) {
        const uint8_t dots = cells_[static_cast<size_t>(row * columns_ + column)];
        text += dots == 0 ? marks_[static_cast<size_t>(column)] : braille(dots);
    }
    return text;
}

}  // namespace vitrine::tools
