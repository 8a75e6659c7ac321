// Small TIFF files of any kind, made of their fields.
#pragma once

#include <cstdint>

#include "tests/data/support.h"

namespace vitrine::test {

struct TiffFields {
    uint32_t width = 3, height = 2;
    uint16_t photometric = 1;  // black is zero
    uint16_t bits = 8;
    uint16_t format = 1;  // unsigned
    uint16_t samples = 1;
    uint16_t compression = 1;  // none
    uint16_t orientation = 1;
    bool has_planes = false;
    uint32_t tile_side = 0;  // strips
    bool is_big = false;     // BigTIFF
    bool is_big_endian = false;
    uint64_t most_bytes = 1 << 20;  // of samples
};

/// With the samples 0, 1, 2, … in one strip or tile at the end of the file.
Bytes tiff_bytes(const TiffFields& fields);

}  // namespace vitrine::test
