// TIFF by libtiff: the first page, turned as its orientation says, as Pillow gives it. Strips or tiles are
// decoded one at a time.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "data/decoders.h"
#include "data/orientation.h"
#include "data/tiff_file.h"
#include "data/tiff_kind.h"
#include "data/tiff_rows.h"

namespace vitrine {
namespace {

/// Where the pixels of rows go in an image that is turned or mirrored: at origin + x · across + y · down, in
/// pixels.
struct Placement {
    Placement(int orientation, int64_t width, int64_t height) {
        const bool is_turned = orientation >= 5;
        const int64_t stride = is_turned ? height : width;
        across = is_turned ? stride : 1;
        down = is_turned ? 1 : stride;
        const auto mirror = [this](int64_t& step, int64_t count) {
            origin += step * (count - 1);
            step = -step;
        };
        if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
            mirror(across, width);
        if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
            mirror(down, height);
    }
    int64_t origin = 0, across = 1, down = 1;
};

/// The page's orientation, by its field or by its XMP.
int page_orientation(const TiffFile& file) {
    uint16_t orientation = 0;
    if (TIFFGetField(file.get(), TIFFTAG_ORIENTATION, &orientation) == 1) return orientation_of(orientation);
    uint32_t count = 0;
    const char* packet = nullptr;
    if (TIFFGetField(file.get(), TIFFTAG_XMLPACKET, &count, &packet) != 1) return 1;
    return orientation_of(std::nullopt, orientation_in_xmp({packet, count}));
}

/// The most bytes of samples that a byte of the file can stand for; 0 where there is no such bound.
int64_t largest_ratio(uint16_t compression) {
    switch (compression) {
        case COMPRESSION_NONE:
            return 1;
        case COMPRESSION_PACKBITS:
            return 64;
        case COMPRESSION_ADOBE_DEFLATE:
        case COMPRESSION_DEFLATE:
        case COMPRESSION_PIXARLOG:
            return 1032;
        case COMPRESSION_LZW:
            return 4096 * 8 / 9;
        default:
            return 0;
    }
}

/// libtiff keeps eight bytes a pixel of a row that is coded as a fax. Plotters draw no wider ones.
constexpr int64_t widest_fax = 1 << 15;

class TiffReader {
  public:
    explicit TiffReader(ByteSource& source)
        : source_(source), file_(source), kind_(tiff_kind(file_, source.path())), rows_(file_, kind_) {
        width_ = file_.field<uint32_t>(TIFFTAG_IMAGEWIDTH).value_or(0);
        height_ = file_.field<uint32_t>(TIFFTAG_IMAGELENGTH).value_or(0);
        check_image_size(width_, height_, source.path());
        check_bytes();
        measure_pieces();
    }

    Image decode() {
        const int orientation = page_orientation(file_);
        const bool is_turned = orientation >= 5;
        const int64_t working = kind_.reading == TiffReading::rgba
                                    ? 2 * 4 * piece_width_ * piece_height_
                                    : piece_bytes_ * (kind_.has_planes ? 1 + kind_.samples : 1);
        Image image = make_image(source_, is_turned ? height_ : width_, is_turned ? width_ : height_,
                                 working + most_compressed_bytes());
        placement_ = Placement(orientation, width_, height_);
        pixels_ = image.pixels.data();
        if (kind_.reading == TiffReading::rgba) {
            read_rgba();
        } else {
            read_pieces();
        }
        return image;
    }

  private:
    /// Those of the colours, and an alpha that they were multiplied by.
    int planes_read() const {
        return kind_.has_planes ? kind_.colours() + (kind_.is_premultiplied ? 1 : 0) : 1;
    }

    void check_bytes() const {
        const int64_t raw = height_ * kind_.row_bytes(width_) * planes_read();
        if (const int64_t ratio = largest_ratio(kind_.compression);
            ratio > 0 && kind_.reading == TiffReading::rows) {
            require_bytes_for(source_, width_, height_, raw / ratio);
        } else if (kind_.bits == 1 && width_ <= widest_fax) {
            require_bytes_for(source_, width_, height_, height_ / 8);  // a bit for a white row
        } else {
            require_bytes_for_detail(source_, width_, height_);
        }
    }

    /// Strips and tiles are pieces here. Their sizes are claims, too.
    void measure_pieces() {
        is_tiled_ = TIFFIsTiled(file_.get()) != 0;
        piece_width_ = is_tiled_ ? file_.field<uint32_t>(TIFFTAG_TILEWIDTH).value_or(0) : width_;
        piece_height_ = is_tiled_ ? file_.field<uint32_t>(TIFFTAG_TILELENGTH).value_or(0)
                                  : file_.field<uint32_t>(TIFFTAG_ROWSPERSTRIP).value_or(UINT32_MAX);
        if (!is_tiled_) piece_height_ = std::min(piece_height_, height_);
        if (piece_width_ < 1 || piece_height_ < 1) file_.throw_damaged("its strips or tiles have no pixels");
        // Tiles reach over the edges, but not far.
        constexpr int64_t largest_tile = int64_t{1} << 22;
        if (piece_width_ > 2 * largest_image_pixels / piece_height_ ||
            piece_width_ * piece_height_ > std::max(largest_tile, 4 * width_ * height_))
            file_.throw_damaged("its tiles are far larger than the image");
        piece_row_bytes_ = kind_.row_bytes(piece_width_);
        piece_bytes_ = piece_row_bytes_ * piece_height_;
        const int64_t expected = is_tiled_ ? TIFFTileRowSize64(file_.get()) : TIFFScanlineSize64(file_.get());
        if (kind_.reading == TiffReading::rows && expected != piece_row_bytes_)
            file_.throw_damaged("its rows have another length than its fields say");
    }

    /// libtiff reads the whole of a piece before it decodes it.
    int64_t most_compressed_bytes() const {
        return kind_.compression == COMPRESSION_NONE
                   ? 0
                   : std::min<int64_t>(static_cast<int64_t>(source_.size()), 2 * piece_bytes_ + (1 << 16));
    }

    void read_pieces() {
        const int planes = planes_read();
        std::vector<uint8_t> piece(static_cast<size_t>(piece_bytes_));
        std::vector<uint8_t> together(kind_.has_planes ? static_cast<size_t>(piece_bytes_ * kind_.samples)
                                                       : 0);
        std::vector<uint8_t> rgb(static_cast<size_t>(3 * piece_width_));
        for (int64_t top = 0; top < height_; top += piece_height_) {
            for (int64_t left = 0; left < width_; left += piece_width_) {
                const int64_t rows = std::min(piece_height_, height_ - top);
                for (int plane = 0; plane < planes; ++plane) {
                    read_piece(left, top, plane, rows, piece);
                    if (kind_.has_planes) put_together(piece, plane, rows, together);
                }
                place_rows(kind_.has_planes ? together : piece, left, top, rows, rgb);
            }
        }
    }

    void read_piece(int64_t left, int64_t top, int plane, int64_t rows, std::vector<uint8_t>& piece) {
        const auto x = static_cast<uint32_t>(left), y = static_cast<uint32_t>(top);
        const auto sample = static_cast<uint16_t>(plane);
        // A tile is whole, the last strip is not.
        const tmsize_t wanted = is_tiled_ ? piece_bytes_ : rows * piece_row_bytes_;
        const tmsize_t got =
            is_tiled_ ? TIFFReadEncodedTile(file_.get(), TIFFComputeTile(file_.get(), x, y, 0, sample),
                                            piece.data(), wanted)
                      : TIFFReadEncodedStrip(file_.get(), TIFFComputeStrip(file_.get(), y, sample),
                                             piece.data(), wanted);
        if (got < wanted) file_.throw_damaged("its data end early");
    }

    /// A plane of samples of one or two bytes to its places among the others.
    void put_together(const std::vector<uint8_t>& piece, int plane, int64_t rows,
                      std::vector<uint8_t>& together) const {
        const size_t bytes = kind_.bits / 8u, stride = bytes * kind_.samples;
        const auto count = static_cast<size_t>(piece_width_ * rows);
        uint8_t* target = together.data() + bytes * static_cast<size_t>(plane);
        for (size_t i = 0; i < count; ++i) std::copy_n(&piece[i * bytes], bytes, target + i * stride);
    }

    void place_rows(const std::vector<uint8_t>& piece, int64_t left, int64_t top, int64_t rows,
                    std::vector<uint8_t>& rgb) const {
        const int64_t row_bytes = piece_row_bytes_ * (kind_.has_planes ? kind_.samples : 1);
        const int64_t count = std::min(piece_width_, width_ - left);
        for (int64_t row = 0; row < rows; ++row) {
            rows_.convert(piece.data() + row * row_bytes, count, rgb.data());
            place(rgb.data(), left, top + row, count);
        }
    }

    void place(const uint8_t* rgb, int64_t left, int64_t y, int64_t count) const {
        uint8_t* pixel = pixels_ + 3 * (placement_.origin + left * placement_.across + y * placement_.down);
        for (int64_t i = 0; i < count; ++i, rgb += 3, pixel += 3 * placement_.across)
            std::copy_n(rgb, 3, pixel);
    }

    /// Colours of fewer samples than the luma, by libtiff's own conversion.
    void read_rgba() {
        std::array<char, 1024> reason{};
        TIFFRGBAImage converter{};
        if (TIFFRGBAImageOK(file_.get(), reason.data()) == 0 ||
            TIFFRGBAImageBegin(&converter, file_.get(), 1, reason.data()) == 0)
            file_.throw_damaged(reason.data());
        const struct End {
            TIFFRGBAImage* image;
            ~End() { TIFFRGBAImageEnd(image); }
        } end{&converter};
        converter.orientation = converter.req_orientation = ORIENTATION_TOPLEFT;
        std::vector<uint32_t> rgba(static_cast<size_t>(width_ * piece_height_));
        std::vector<uint8_t> rgb(static_cast<size_t>(3 * width_));
        for (int64_t top = 0; top < height_; top += piece_height_) {
            const int64_t rows = std::min(piece_height_, height_ - top);
            converter.row_offset = static_cast<int>(top);
            if (TIFFRGBAImageGet(&converter, rgba.data(), static_cast<uint32_t>(width_),
                                 static_cast<uint32_t>(rows)) == 0)
                file_.throw_damaged("its data end early");
            for (int64_t row = 0; row < rows; ++row) {
                for (int64_t x = 0; x < width_; ++x) {
                    const uint32_t pixel = rgba[static_cast<size_t>(row * width_ + x)];
                    rgb[static_cast<size_t>(3 * x)] = static_cast<uint8_t>(TIFFGetR(pixel));
                    rgb[static_cast<size_t>(3 * x + 1)] = static_cast<uint8_t>(TIFFGetG(pixel));
                    rgb[static_cast<size_t>(3 * x + 2)] = static_cast<uint8_t>(TIFFGetB(pixel));
                }
                place(rgb.data(), 0, top + row, width_);
            }
        }
    }

    ByteSource& source_;
    TiffFile file_;
    TiffKind kind_;
    TiffRows rows_;
    int64_t width_ = 0, height_ = 0;
    bool is_tiled_ = false;
    int64_t piece_width_ = 0, piece_height_ = 0, piece_row_bytes_ = 0, piece_bytes_ = 0;
    Placement placement_{1, 1, 1};
    uint8_t* pixels_ = nullptr;
};

}  // namespace

Image decode_tiff(ByteSource& source) { return TiffReader(source).decode(); }

}  // namespace vitrine
