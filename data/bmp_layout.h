// What the header of a BMP says of its pixels, as far as Pillow takes it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "data/byte_source.h"

namespace vitrine {

/// The bytes of a BMP. Header, masks and palette are kept, because the pixels may begin anywhere, inside of
/// them too.
class BmpBytes {
  public:
    explicit BmpBytes(ByteSource& source) : source_(source) {}

    ByteSource& source() const { return source_; }

    /// `count` bytes from the place `at` on, fewer only at the end of the file. Only before go_to().
    std::span<const uint8_t> keep(size_t at, size_t count);

    /// From where read() and skip() go on. Once.
    void go_to(uint64_t at);
    size_t read(uint8_t* target, size_t count);
    void skip(size_t count);

  private:
    ByteSource& source_;
    std::vector<uint8_t> kept_;  // the start of the file
    size_t next_ = 0;            // of what is kept
};

using BmpColour = std::array<uint8_t, 3>;  // RGB

enum class BmpCoding { rows, runs_of_bytes, runs_of_halves };

struct BmpLayout {
    int64_t width = 0, height = 0;
    bool top_down = false;
    BmpCoding coding = BmpCoding::rows;
    uint64_t pixels_at = 0;  // from the start of the file
    int64_t stride = 0;      // bytes from row to row; the last one may end with its pixels
    int bits = 0;            // of a pixel: 1, 4 or 8, which is a place in the palette; 16, 24 or 32
    int green_bits = 5;      // of 16 bits; red and blue have 5
    std::array<size_t, 3> channel_at = {2, 1, 0};  // of 24 and 32 bits: which byte is red, green and blue
    std::array<BmpColour, 256> palette{};

    int64_t row_bytes() const { return (width * bits + 7) / 8; }
};

/// Throws ImageError for what is damaged, and for kinds that Pillow does not read.
BmpLayout read_bmp_layout(BmpBytes& bytes);

}  // namespace vitrine
