// Pillow's conversions to RGB: see tiff_rows.h.

#include "data/tiff_rows.h"

#include <algorithm>
#include <cstring>

namespace vitrine {
namespace {

uint8_t clip(int64_t value) { return static_cast<uint8_t>(std::clamp<int64_t>(value, 0, 255)); }

/// Not a number is 0, as no comparison holds.
uint8_t clip(float value) { return value >= 255 ? 255 : value > 0 ? static_cast<uint8_t>(value) : 0; }

template <typename Number>
Number number_at(const uint8_t* samples, int64_t index) {
    Number number;
    std::memcpy(&number, samples + index * int64_t{sizeof number}, sizeof number);
    return number;
}

/// A sample of up to eight bits; the first ones are in the high bits of a byte.
int small_sample(const uint8_t* samples, int64_t index, int bits) {
    const int64_t first = index * bits;
    return samples[first / 8] >> (8 - bits - first % 8) & ((1 << bits) - 1);
}

/// Two samples of 12 bits in three bytes.
int sample_of_12_bits(const uint8_t* samples, int64_t index) {
    const uint8_t* bytes = samples + index / 2 * 3;
    return index % 2 == 0 ? bytes[0] << 4 | bytes[1] >> 4 : (bytes[1] & 15) << 8 | bytes[2];
}

/// Gray of more than eight bits is clipped, whatever its range.
uint8_t wide_gray(const uint8_t* samples, int64_t index, const TiffKind& kind) {
    if (kind.bits == 12) return clip(int64_t{sample_of_12_bits(samples, index)});
    if (kind.format == SAMPLEFORMAT_IEEEFP) return clip(number_at<float>(samples, index));
    if (kind.bits == 32) return clip(int64_t{number_at<int32_t>(samples, index)});  // unsigned ones, too
    if (kind.format == SAMPLEFORMAT_INT) return clip(int64_t{number_at<int16_t>(samples, index)});
    return clip(int64_t{number_at<uint16_t>(samples, index)});
}

/// The high byte of a sample of 8 or 16 bits.
uint8_t high_byte(const uint8_t* samples, int64_t index, int bits) {
    return bits == 8 ? samples[index] : static_cast<uint8_t>(number_at<uint16_t>(samples, index) >> 8);
}

void divide_by_alpha(int alpha, uint8_t* rgb) {
    for (int c = 0; c < 3; ++c) rgb[c] = alpha == 0 ? 0 : clip(int64_t{rgb[c] * 255 / alpha});
}

void cmyk_to_rgb(const uint8_t* cmyk, uint8_t* rgb) {
    const int light = 255 - cmyk[3];
    for (int c = 0; c < 3; ++c) {
        const int product = cmyk[c] * light + 128;  // divided by 255 with rounding
        rgb[c] = clip(int64_t{light - (((product >> 8) + product) >> 8)});
    }
}

/// A table's entry of Pillow: 64 times a share of the distance from gray.
int chroma(double share, int sample) { return static_cast<int>(share * (sample - 128) * 64 + 0.5); }

void ycbcr_to_rgb(const uint8_t* ycbcr, uint8_t* rgb) {
    const int luma = ycbcr[0], blue = ycbcr[1], red = ycbcr[2];
    rgb[0] = clip(int64_t{luma + (chroma(1.402, red) >> 6)});
    rgb[1] = clip(int64_t{luma + ((chroma(-0.34414, blue) + chroma(-0.71414, red)) >> 6)});
    rgb[2] = clip(int64_t{luma + (chroma(1.772, blue) >> 6)});
}

}  // namespace

TiffRows::TiffRows(const TiffFile& file, const TiffKind& kind) : kind_(kind) {
    if (kind.photometric != PHOTOMETRIC_PALETTE) return;
    std::array<uint16_t*, 3> channels{};
    if (TIFFGetField(file.get(), TIFFTAG_COLORMAP, &channels[0], &channels[1], &channels[2]) != 1)
        file.throw_damaged("it has no palette");
    for (size_t i = 0; i < size_t{1} << kind.bits; ++i) {
        for (size_t c = 0; c < 3; ++c) palette_[i][c] = static_cast<uint8_t>(channels[c][i] >> 8);
    }
}

void TiffRows::convert(const uint8_t* samples, int64_t pixels, uint8_t* rgb) const {
    if (kind_.photometric == PHOTOMETRIC_PALETTE) {
        for (int64_t i = 0; i < pixels; ++i)
            rgb = std::copy_n(
                palette_[static_cast<size_t>(small_sample(samples, i * kind_.samples, kind_.bits))].begin(),
                3, rgb);
    } else if (kind_.photometric == PHOTOMETRIC_MINISWHITE || kind_.photometric == PHOTOMETRIC_MINISBLACK) {
        convert_gray(samples, pixels, rgb);
    } else {
        convert_colours(samples, pixels, rgb);
    }
}

void TiffRows::convert_gray(const uint8_t* samples, int64_t pixels, uint8_t* rgb) const {
    const int most = (1 << std::min<int>(kind_.bits, 8)) - 1;
    const int inverted = kind_.photometric == PHOTOMETRIC_MINISWHITE ? 255 : 0;
    for (int64_t i = 0; i < pixels; ++i, rgb += 3) {
        const int value =
            kind_.bits > 8 ? wide_gray(samples, i, kind_)
                           : (small_sample(samples, i * kind_.samples, kind_.bits) * 255 / most) ^ inverted;
        std::fill_n(rgb, 3, static_cast<uint8_t>(value));
    }
}

void TiffRows::convert_colours(const uint8_t* samples, int64_t pixels, uint8_t* rgb) const {
    for (int64_t i = 0; i < pixels; ++i, rgb += 3) {
        std::array<uint8_t, 4> pixel{};
        const int64_t first = i * kind_.samples;
        for (int c = 0; c < std::min<int>(kind_.samples, 4); ++c)
            pixel[static_cast<size_t>(c)] = high_byte(samples, first + c, kind_.bits);
        if (kind_.photometric == PHOTOMETRIC_SEPARATED) {
            cmyk_to_rgb(pixel.data(), rgb);
        } else if (kind_.photometric == PHOTOMETRIC_YCBCR) {
            ycbcr_to_rgb(pixel.data(), rgb);
        } else {
            std::copy_n(pixel.begin(), 3, rgb);
            if (kind_.is_premultiplied) divide_by_alpha(pixel[3], rgb);
        }
    }
}

}  // namespace vitrine
