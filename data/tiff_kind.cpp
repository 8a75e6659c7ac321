// Which TIFF files are read: see tiff_kind.h. The table is Pillow's (OPEN_INFO of its TiffImagePlugin).

#include "data/tiff_kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "data/image.h"

namespace vitrine {
namespace {

struct Name {
    uint16_t number;
    std::string_view text;
};

template <size_t count>
std::string name_of(uint16_t number, const std::array<Name, count>& names, std::string_view kind) {
    const auto* found = std::ranges::find(names, number, &Name::number);
    return found != names.end() ? std::string(found->text) : fmt::format("{} {}", kind, number);
}

std::string colours_of(const TiffKind& kind) {
    static constexpr std::array<Name, 10> names{{{PHOTOMETRIC_MINISWHITE, "gray where 0 is white"},
                                                 {PHOTOMETRIC_MINISBLACK, "gray"},
                                                 {PHOTOMETRIC_RGB, "RGB"},
                                                 {PHOTOMETRIC_PALETTE, "a palette"},
                                                 {PHOTOMETRIC_MASK, "a mask"},
                                                 {PHOTOMETRIC_SEPARATED, "CMYK"},
                                                 {PHOTOMETRIC_YCBCR, "YCbCr"},
                                                 {PHOTOMETRIC_CIELAB, "CIE L*a*b*"},
                                                 {PHOTOMETRIC_LOGL, "LogL"},
                                                 {PHOTOMETRIC_LOGLUV, "LogLuv"}}};
    return name_of(kind.photometric, names, "photometric interpretation");
}

std::string numbers_of(const TiffKind& kind) {
    static constexpr std::array<Name, 5> names{{{SAMPLEFORMAT_UINT, "unsigned integers"},
                                                {SAMPLEFORMAT_INT, "signed integers"},
                                                {SAMPLEFORMAT_IEEEFP, "floats"},
                                                {SAMPLEFORMAT_COMPLEXINT, "complex integers"},
                                                {SAMPLEFORMAT_COMPLEXIEEEFP, "complex floats"}}};
    return name_of(kind.format, names, "sample format");
}

/// "a TIFF of 16-bit signed integers (RGB, 3 samples a pixel)".
std::string name_of(const TiffKind& kind) {
    std::string text = fmt::format("a {}TIFF of {}-bit {} ({}, {} sample{} a pixel",
                                   kind.is_big_endian ? "big-endian " : "", kind.bits, numbers_of(kind),
                                   colours_of(kind), kind.samples, kind.samples == 1 ? "" : "s");
    if (kind.is_premultiplied) text += ", multiplied by alpha";
    if (kind.is_subsampled) text += ", subsampled";
    if (kind.has_planes) text += ", in planes";
    if (kind.is_bit_reversed) text += ", with the lowest bit first";
    return text + (kind.compression == COMPRESSION_NONE ? ", not compressed)" : ")");
}

bool is_one_of(uint16_t value, std::initializer_list<uint16_t> values) {
    return std::ranges::find(values, value) != values.end();
}

bool is_gray_read(const TiffKind& kind) {
    const bool is_inverted = kind.photometric == PHOTOMETRIC_MINISWHITE;
    if (kind.colours() != 1) return false;
    if (kind.samples > 1)
        return kind.samples == 2 && kind.bits == 8 && !is_inverted && !kind.is_premultiplied;
    switch (kind.format) {
        case SAMPLEFORMAT_UINT:
            if (kind.bits <= 8) return is_one_of(kind.bits, {1, 2, 4, 8});
            if (kind.bits == 16) return !(kind.is_big_endian && (is_inverted || kind.is_bit_reversed));
            return is_one_of(kind.bits, {12, 32}) && !is_inverted && !kind.is_big_endian &&
                   !kind.is_bit_reversed;
        case SAMPLEFORMAT_INT:
            return is_one_of(kind.bits, {8, 16, 32}) && !is_inverted && !kind.is_bit_reversed;
        case SAMPLEFORMAT_IEEEFP:
            return kind.bits == 32 && !kind.is_bit_reversed;
        default:
            return false;
    }
}

bool is_read(const TiffKind& kind) {
    if (is_one_of(kind.photometric, {PHOTOMETRIC_MINISWHITE, PHOTOMETRIC_MINISBLACK}))
        return is_gray_read(kind);
    if (kind.format != SAMPLEFORMAT_UINT) return false;
    switch (kind.photometric) {
        case PHOTOMETRIC_RGB:
            return kind.colours() == 3 && kind.extra <= 3 && (kind.bits == 8 || kind.bits == 16);
        case PHOTOMETRIC_PALETTE:
            return kind.colours() == 1 && kind.extra <= 1 && is_one_of(kind.bits, {1, 2, 4, 8});
        case PHOTOMETRIC_SEPARATED:
            return kind.colours() == 4 && kind.extra <= 2 && (kind.bits == 8 || kind.bits == 16);
        case PHOTOMETRIC_YCBCR:
            return is_one_of(kind.samples, {1, 3}) && kind.bits == 8;
        default:
            return false;
    }
}

/// Kinds for which Pillow gives other pixels than the file has: neither those nor others would be right.
bool does_pillow_misread(const TiffKind& kind) {
    const bool is_plain = kind.compression == COMPRESSION_NONE;
    // libtiff has put the bytes of each number in order, and Pillow does so again.
    if (!is_plain && kind.is_big_endian)
        return kind.bits == 32 || (kind.bits == 16 && kind.format == SAMPLEFORMAT_INT);
    // It takes planes for rows of bytes.
    if (is_plain && kind.has_planes)
        return kind.bits != 8 || kind.is_bit_reversed || kind.photometric == PHOTOMETRIC_MINISWHITE;
    // It knows of no subsampling.
    return is_plain && kind.is_subsampled;
}

std::string compression_name(uint16_t compression) {
    const TIFFCodec* codec = TIFFFindCODEC(compression);
    return codec != nullptr ? fmt::format("{} compression", codec->name)
                            : fmt::format("compression number {}", compression);
}

bool has_subsampling(const TiffFile& file) {
    uint16_t across = 1, down = 1;
    TIFFGetFieldDefaulted(file.get(), TIFFTAG_YCBCRSUBSAMPLING, &across, &down);
    return across != 1 || down != 1;
}

/// How the colours of YCbCr become rows that can be read, if they do.
void choose_reading(TiffFile& file, TiffKind& kind) {
    if (kind.photometric != PHOTOMETRIC_YCBCR) return;
    if (kind.compression == COMPRESSION_JPEG && !kind.has_planes) {
        TIFFSetField(file.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);  // by libjpeg
        kind.photometric = PHOTOMETRIC_RGB;
    } else if (kind.compression != COMPRESSION_NONE) {
        kind.reading = TiffReading::rgba;
    }
}

void read_extra_samples(const TiffFile& file, TiffKind& kind) {
    uint16_t count = 0;
    uint16_t* meanings = nullptr;
    if (TIFFGetFieldDefaulted(file.get(), TIFFTAG_EXTRASAMPLES, &count, &meanings) != 1) return;
    kind.extra = std::min(count, kind.samples);
    kind.is_premultiplied = count > 0 && meanings[0] == EXTRASAMPLE_ASSOCALPHA;
    // Pillow takes a fourth plane of which nothing is said for such an alpha, where it is compressed.
    const bool is_said = TIFFGetField(file.get(), TIFFTAG_EXTRASAMPLES, &count, &meanings) == 1;
    if (!is_said && kind.has_planes && kind.samples == 4 && kind.photometric == PHOTOMETRIC_RGB)
        kind.is_premultiplied = kind.compression != COMPRESSION_NONE;
}

}  // namespace

TiffKind tiff_kind(TiffFile& file, const std::string& path) {
    TiffKind kind;
    uint16_t photometric = 0;
    if (TIFFGetField(file.get(), TIFFTAG_PHOTOMETRIC, &photometric) == 1) kind.photometric = photometric;
    kind.bits = file.field<uint16_t>(TIFFTAG_BITSPERSAMPLE).value_or(1);
    kind.format = file.field<uint16_t>(TIFFTAG_SAMPLEFORMAT).value_or(SAMPLEFORMAT_UINT);
    if (kind.format == SAMPLEFORMAT_VOID) kind.format = SAMPLEFORMAT_UINT;  // an old field's 0
    kind.samples = file.field<uint16_t>(TIFFTAG_SAMPLESPERPIXEL).value_or(1);
    kind.compression = file.field<uint16_t>(TIFFTAG_COMPRESSION).value_or(COMPRESSION_NONE);
    kind.has_planes = kind.samples > 1 && file.field<uint16_t>(TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE;
    kind.is_big_endian = TIFFIsBigEndian(file.get()) != 0;
    kind.is_bit_reversed = file.field<uint16_t>(TIFFTAG_FILLORDER) == FILLORDER_LSB2MSB;
    read_extra_samples(file, kind);
    kind.is_subsampled = kind.photometric == PHOTOMETRIC_YCBCR && has_subsampling(file);
    if (TIFFIsCODECConfigured(kind.compression) == 0)
        throw ImageError(
            path, fmt::format("a TIFF with {}, which is not supported", compression_name(kind.compression)));
    if (!is_read(kind) || does_pillow_misread(kind))
        throw ImageError(path, name_of(kind) + ", which is not supported");
    choose_reading(file, kind);
    return kind;
}

}  // namespace vitrine
