// An RGB picture that is put together from other pictures and text.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/image.h"

namespace vitrine::tools {

using Color = std::array<uint8_t, 3>;

/// A new picture of one colour.
Image make_canvas(int64_t height, int64_t width, const Color& color);

/// Puts a picture on another, its upper left corner at (x, y). It must fit.
void paste(Image& canvas, const Image& image, int64_t x, int64_t y);

/// DejaVu Sans at a fixed size.
class Font {
  public:
    /// `size` is the height of a line in pixels.
    explicit Font(int size);

    int64_t line_height() const { return size_; }
    int64_t width(std::string_view text) const;
    /// Lines no wider than `width`, broken at spaces, or inside of words that are longer.
    std::vector<std::string> wrap(std::string_view text, int64_t width) const;
    /// A line of UTF-8 with its upper left corner at (x, y). What lies outside of the canvas is cut off.
    void draw(Image& canvas, std::string_view line, int64_t x, int64_t y, const Color& color) const;

  private:
    int size_;
};

/// The picture as the bytes of a PNG file.
std::vector<uint8_t> png_of(const Image& image);

}  // namespace vitrine::tools
