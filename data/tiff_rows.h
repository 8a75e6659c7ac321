// Rows of a TIFF's samples, as libtiff gives them, become rows of RGB, with Pillow's arithmetic.
#pragma once

#include <array>
#include <cstdint>

#include "data/tiff_kind.h"

namespace vitrine {

class TiffRows {
  public:
    /// Looks up the palette, where the kind has one.
    TiffRows(const TiffFile& file, const TiffKind& kind);

    /// Of samples that lie together: `samples` [row_bytes], `rgb` [pixels, 3].
    void convert(const uint8_t* samples, int64_t pixels, uint8_t* rgb) const;

  private:
    void convert_gray(const uint8_t* samples, int64_t pixels, uint8_t* rgb) const;
    void convert_colours(const uint8_t* samples, int64_t pixels, uint8_t* rgb) const;

    TiffKind kind_;
    std::array<std::array<uint8_t, 3>, 256> palette_{};
};

}  // namespace vitrine
