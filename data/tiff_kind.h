// What the pixels of a TIFF are, by its fields, and which kinds are read: those that Pillow reads.
#pragma once

#include <cstdint>
#include <string>

#include "data/tiff_file.h"

namespace vitrine {

/// How libtiff hands the pixels over.
enum class TiffReading {
    rows,  // as the file has them, in this machine's byte order
    rgba,  // converted by libtiff: YCbCr whose colours have fewer samples
};

struct TiffKind {
    uint16_t photometric = PHOTOMETRIC_MINISWHITE;  // what the samples mean
    uint16_t bits = 1;                              // a sample
    uint16_t format = SAMPLEFORMAT_UINT;
    uint16_t samples = 1;           // a pixel, extra ones too
    uint16_t extra = 0;             // samples beyond those of the colour, at the end
    bool is_premultiplied = false;  // by alpha, the first of the extra samples
    uint16_t compression = COMPRESSION_NONE;
    bool has_planes = false;  // of one sample each
    bool is_big_endian = false;
    bool is_bit_reversed = false;
    bool is_subsampled = false;  // YCbCr
    TiffReading reading = TiffReading::rows;

    int64_t row_bytes(int64_t pixels) const {
        const int64_t in_a_row = has_planes ? 1 : samples;
        return (pixels * in_a_row * bits + 7) / 8;
    }
    /// Samples of the colour itself.
    int colours() const { return samples - extra; }
};

/// Reads the fields and tells libtiff how it should convert. Throws ImageError for kinds that are not read,
/// each by its name.
TiffKind tiff_kind(TiffFile& file, const std::string& path);

}  // namespace vitrine
