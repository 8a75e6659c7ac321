// PGM and PPM: a header in text ("P6 WIDTH HEIGHT MAXIMUM", comments after #) and the samples, one or two
// bytes each.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "data/decoders.h"

namespace vitrine {
namespace {

bool is_space(uint8_t letter) { return letter == ' ' || (letter >= '\t' && letter <= '\r'); }

/// The numbers, as Pillow reads them: each ends with one space, and a comment may stand anywhere.
class HeaderReader {
  public:
    explicit HeaderReader(ByteSource& source) : source_(source) {
        source_.skip(2);  // the P5 or P6
        const std::optional<uint8_t> space = next();
        if (!space || !is_space(*space)) throw_damaged("a space is missing");
    }

    int64_t number() {
        constexpr size_t longest = 10;  // digits
        std::string digits;
        for (;;) {
            const std::optional<uint8_t> letter = next();
            if (!letter || (is_space(*letter) && !digits.empty())) break;
            if (is_space(*letter)) continue;
            if (*letter < '0' || *letter > '9') throw_damaged("a number is missing");
            if (digits.size() == longest) throw_damaged("a number is too long");
            digits.push_back(static_cast<char>(*letter));
        }
        if (digits.empty()) throw_damaged("a number is missing");
        return std::stoll(digits);
    }

  private:
    /// The next byte after any comments; a comment's line end belongs to it.
    std::optional<uint8_t> next() {
        bool in_comment = false;
        for (uint8_t letter = 0; source_.read(&letter, 1) == 1;) {
            if (in_comment) {
                in_comment = letter != '\n' && letter != '\r';
            } else if (letter == '#') {
                in_comment = true;
            } else {
                return letter;
            }
        }
        return std::nullopt;
    }

    [[noreturn]] void throw_damaged(std::string_view what) const {
        throw ImageError(source_.path(), fmt::format("the PGM or PPM header is damaged ({})", what));
    }

    ByteSource& source_;
};

/// Pillow's reading of one sample: colour and 8-bit gray are scaled to 0 … 255; gray with a larger maximum is
/// scaled to 0 … 65535 and then clipped at 255. Ties round to even.
uint8_t scale_sample(int value, int64_t maximum, bool is_gray) {
    const double largest = is_gray && maximum > 255 ? 65535.0 : 255.0;
    const double scaled = std::nearbyint(static_cast<double>(value) / static_cast<double>(maximum) * largest);
    return static_cast<uint8_t>(std::min(scaled, 255.0));
}

/// One row of the file [width] or [width, 3], of one or two bytes a sample, as a row of pixels [width, 3].
void convert_row(std::span<const uint8_t> row, size_t sample_bytes, int64_t maximum, bool is_gray,
                 std::span<uint8_t> pixels) {
    for (size_t i = 0; i < pixels.size(); ++i) {
        const size_t sample = is_gray ? i / 3 : i;
        const int value = sample_bytes == 1 ? row[sample] : row[2 * sample] << 8 | row[2 * sample + 1];
        pixels[i] = maximum == 255 ? static_cast<uint8_t>(value) : scale_sample(value, maximum, is_gray);
    }
}

}  // namespace

Image decode_pnm(ByteSource& source) {
    const bool is_gray = source.look()[1] == '5';
    HeaderReader header(source);
    const int64_t width = header.number();
    const int64_t height = header.number();
    const int64_t maximum = header.number();
    if (maximum < 1 || maximum > 65535) {
        throw ImageError(source.path(),
                         fmt::format("the PGM or PPM maximum is {}; 1 to 65535 are allowed", maximum));
    }
    check_image_size(width, height, source.path());
    const size_t sample_bytes = maximum < 256 ? 1 : 2;
    const size_t row_bytes = static_cast<size_t>(width) * (is_gray ? 1 : 3) * sample_bytes;
    require_bytes_for(source, width, height, height * static_cast<int64_t>(row_bytes));
    Image image = make_image(source, width, height, static_cast<int64_t>(row_bytes));
    const std::span<uint8_t> pixels(image.pixels);
    std::vector<uint8_t> row(row_bytes);
    for (size_t y = 0; y < static_cast<size_t>(height); ++y) {
        if (source.read(row.data(), row_bytes) < row_bytes)
            throw ImageError(source.path(), "the PGM or PPM file is truncated");
        convert_row(row, sample_bytes, maximum, is_gray,
                    pixels.subspan(3 * y * static_cast<size_t>(width), 3 * static_cast<size_t>(width)));
    }
    return image;
}

}  // namespace vitrine
