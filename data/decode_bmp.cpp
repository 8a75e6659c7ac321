// BMP: rows of pixels, or run lengths, as its header says (bmp_layout.h).

#include <fmt/format.h>

#include <algorithm>

#include "data/bmp_layout.h"
#include "data/bmp_runs.h"
#include "data/decoders.h"

namespace vitrine {
namespace {

/// 5 or 6 bits as a level, truncated as Pillow does it.
uint8_t level_of(unsigned value, int bits) {
    const unsigned largest = (1U << bits) - 1;
    return static_cast<uint8_t>((value & largest) * 255 / largest);
}

class RowConverter {
  public:
    explicit RowConverter(const BmpLayout& layout) : layout_(layout) {}

    void convert(std::span<const uint8_t> row, uint8_t* pixels) const {
        for (size_t x = 0; x < static_cast<size_t>(layout_.width); ++x, pixels += 3) {
            const BmpColour colour = colour_at(row, x);
            std::ranges::copy(colour, pixels);
        }
    }

  private:
    BmpColour colour_at(std::span<const uint8_t> row, size_t x) const {
        switch (layout_.bits) {
            case 1:
                return layout_.palette[row[x / 8] >> (7 - x % 8) & 1];
            case 4:
                return layout_.palette[x % 2 == 0 ? row[x / 2] >> 4 : row[x / 2] & 15];
            case 8:
                return layout_.palette[row[x]];
            case 16: {
                const unsigned pixel = row[2 * x] | row[2 * x + 1] << 8;
                const int green = layout_.green_bits;
                return {level_of(pixel >> (5 + green), 5), level_of(pixel >> 5, green), level_of(pixel, 5)};
            }
            default: {
                const auto pixel = row.subspan(x * static_cast<size_t>(layout_.bits) / 8);
                const auto& at = layout_.channel_at;
                return {pixel[at[0]], pixel[at[1]], pixel[at[2]]};
            }
        }
    }

    const BmpLayout& layout_;
};

/// Row y of the file in the image.
uint8_t* row_of(const BmpLayout& layout, Image& image, int64_t y) {
    return image.pixels.data() + 3 * layout.width * (layout.top_down ? y : layout.height - 1 - y);
}

Image decode_rows(BmpBytes& bytes, const BmpLayout& layout) {
    ByteSource& source = bytes.source();
    const int64_t row_bytes = layout.row_bytes();
    require_bytes_for(
        source, layout.width, layout.height,
        static_cast<int64_t>(layout.pixels_at) + (layout.height - 1) * layout.stride + row_bytes);
    Image image = make_image(source, layout.width, layout.height, row_bytes);
    std::vector<uint8_t> row(static_cast<size_t>(row_bytes));
    const RowConverter converter(layout);
    bytes.go_to(layout.pixels_at);
    for (int64_t y = 0; y < layout.height; ++y) {
        if (y > 0) bytes.skip(static_cast<size_t>(layout.stride - row_bytes));
        if (bytes.read(row.data(), row.size()) < row.size())
            throw ImageError(source.path(), "the BMP file is truncated");
        converter.convert(row, row_of(layout, image, y));
    }
    return image;
}

/// No more than any sensible image has: eight bytes a pixel, with some commands more for tiny ones.
size_t most_run_bytes(const BmpLayout& layout, const ByteSource& source) {
    const uint64_t most = (uint64_t{64} << 10) + 8 * static_cast<uint64_t>(layout.width * layout.height);
    return std::min(most, source.size());
}

/// Pixels `first` and following in the order of the file, a row at a time: of two colours in turns, which are
/// one mostly.
void fill(const BmpLayout& layout, Image& image, int64_t first, int64_t count, const BmpColour& even,
          const BmpColour& odd) {
    for (int64_t done = 0; done < count;) {
        const int64_t row = (first + done) / layout.width, column = (first + done) % layout.width;
        const int64_t in_row = std::min(count - done, layout.width - column);
        uint8_t* pixel = row_of(layout, image, row) + 3 * column;
        for (int64_t i = done; i < done + in_row; ++i, pixel += 3)
            std::copy_n((i % 2 == 0 ? even : odd).data(), 3, pixel);
        done += in_row;
    }
}

/// Four bytes can stand for many rows, so that the file's size says little: only where the runs make up the
/// whole image is there memory for its pixels.
Image decode_runs(BmpBytes& bytes, const BmpLayout& layout) {
    ByteSource& source = bytes.source();
    require_bytes_for_detail(source, layout.width, layout.height);
    const size_t most = most_run_bytes(layout, source);
    std::shared_ptr<const void> memory =
        reserve_image_memory(source, layout.width, layout.height, static_cast<int64_t>(most));
    std::vector<uint8_t> data(most);
    bytes.go_to(layout.pixels_at);
    data.resize(bytes.read(data.data(), most));
    BmpRuns runs(data, layout.pixels_at % 2 != 0, layout.coding == BmpCoding::runs_of_halves, layout.width,
                 layout.height);
    if (!runs.unpack([](int64_t, int64_t, uint8_t, uint8_t) {}))
        throw ImageError(source.path(), "the BMP file is truncated: its run lengths end before its pixels");
    Image image = make_image(layout.width, layout.height, std::move(memory));
    runs.unpack([&](int64_t first, int64_t count, uint8_t even, uint8_t odd) {
        fill(layout, image, first, count, layout.palette[even], layout.palette[odd]);
    });
    return image;
}

}  // namespace

Image decode_bmp(ByteSource& source) {
    BmpBytes bytes(source);
    const BmpLayout layout = read_bmp_layout(bytes);
    return layout.coding == BmpCoding::rows ? decode_rows(bytes, layout) : decode_runs(bytes, layout);
}

}  // namespace vitrine
