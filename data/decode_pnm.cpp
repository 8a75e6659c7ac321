// PBM, PGM, PPM and gray PFM: a header in text ("P6 WIDTH HEIGHT MAXIMUM", comments after #), and samples as
// bits, bytes, floats, or as text themselves.

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <string_view>

#include "data/decoders.h"

namespace vitrine {
namespace {

constexpr bool is_space(uint8_t letter) { return letter == ' ' || (letter >= '\t' && letter <= '\r'); }

/// What the letter after the P says.
struct Kind {
    char letter;
    std::string_view name;
    bool is_text;  // samples too
    int64_t channels = 1;
};

Kind kind_of(char letter) {
    switch (letter) {
        case '1':
            return {letter, "PBM", true};
        case '2':
            return {letter, "PGM", true};
        case '3':
            return {letter, "PPM", true, 3};
        case '4':
            return {letter, "PBM", false};
        case '5':
            return {letter, "PGM", false};
        case '6':
            return {letter, "PPM", false, 3};
        default:
            return {letter, "PFM", false};
    }
}

/// Numbers as text, as Pillow reads them: each ends with one space, and a comment may stand anywhere.
class TextReader {
  public:
    TextReader(ByteSource& source, std::string_view kind) : source_(source), kind_(kind) {}

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

    /// What stands between spaces; "" at the end of the file.
    std::string_view word() {
        size_t length = 0;
        for (;;) {
            const std::optional<uint8_t> letter = next();
            if (!letter || (is_space(*letter) && length > 0)) break;
            if (is_space(*letter)) continue;
            if (length == sizeof word_) throw_damaged("a number is too long");
            word_[length++] = static_cast<char>(*letter);
        }
        return {word_, length};
    }

    int64_t number() {
        std::string_view digits = word();
        if (digits.size() > 1 && digits.front() == '+') digits.remove_prefix(1);
        uint64_t value = 0;
        const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (failure != std::errc() || end != digits.data() + digits.size())
            throw_damaged("a number is missing");
        return static_cast<int64_t>(value);
    }

    double real_number() {
        std::string_view digits = word();
        if (digits.size() > 1 && digits.front() == '+') digits.remove_prefix(1);
        double value = 0.0;
        const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (failure != std::errc() || end != digits.data() + digits.size())
            throw_damaged("a number is missing");
        return value;
    }

    [[noreturn]] void throw_damaged(std::string_view what) const {
        throw ImageError(source_.path(), fmt::format("the {} file is damaged ({})", kind_, what));
    }
    [[noreturn]] void throw_truncated() const {
        throw ImageError(source_.path(), fmt::format("the {} file is truncated", kind_));
    }

  private:
    ByteSource& source_;
    std::string_view kind_;
    char word_[10];
};

struct Header {
    Kind kind;
    int64_t width = 0, height = 0;
    int64_t maximum = 1;
    bool is_little_endian = false;

    bool is_bilevel() const { return kind.name == "PBM"; }
    bool is_float() const { return kind.name == "PFM"; }
    int64_t samples() const { return width * height * kind.channels; }
    size_t row_bytes() const {
        const auto in_row = static_cast<size_t>(width * kind.channels);
        if (is_bilevel()) return (in_row + 7) / 8;
        if (is_float()) return in_row * sizeof(float);
        return in_row * (maximum < 256 ? 1 : 2);
    }
};

Header read_header(ByteSource& source, TextReader& text, const Kind& kind) {
    Header header{kind};
    source.skip(2);  // the P and the letter
    const std::optional<uint8_t> space = text.next();
    if (!space || !is_space(*space)) text.throw_damaged("a space is missing");
    header.width = text.number();
    header.height = text.number();
    if (header.is_float()) {
        const double scale = text.real_number();
        if (scale == 0.0 || !std::isfinite(scale)) text.throw_damaged("its scale is not above or below 0");
        header.is_little_endian = scale < 0.0;
    } else if (!header.is_bilevel()) {
        header.maximum = text.number();
        if (header.maximum < 1 || header.maximum > 65535)
            throw ImageError(source.path(), fmt::format("the {} maximum is {}; 1 to 65535 are allowed",
                                                        kind.name, header.maximum));
    }
    check_image_size(header.width, header.height, source.path());
    return header;
}

/// Pillow's reading of one sample: colour and 8-bit gray are scaled to 0 … 255; gray with a larger maximum is
/// scaled to 0 … 65535 and then clipped at 255. Ties round to even.
uint8_t scale_sample(int64_t value, const Header& header) {
    const double largest = header.kind.channels == 1 && header.maximum > 255 ? 65535.0 : 255.0;
    const double scaled =
        std::nearbyint(static_cast<double>(value) / static_cast<double>(header.maximum) * largest);
    return static_cast<uint8_t>(std::min(scaled, 255.0));
}

/// Pillow takes floats for levels up to 255, whatever the scale of the file.
uint8_t level_of_float(const uint8_t* bytes, bool is_little_endian) {
    uint32_t bits = 0;
    std::memcpy(&bits, bytes, sizeof bits);
    if (is_little_endian != (std::endian::native == std::endian::little)) bits = __builtin_bswap32(bits);
    const auto value = std::bit_cast<float>(bits);
    return value > 0.0F ? static_cast<uint8_t>(std::min(value, 255.0F)) : 0;
}

uint8_t sample_of(std::span<const uint8_t> row, size_t i, const Header& header) {
    if (header.is_bilevel()) return (row[i / 8] >> (7 - i % 8) & 1) != 0 ? 0 : 255;
    if (header.is_float()) return level_of_float(&row[sizeof(float) * i], header.is_little_endian);
    if (header.maximum == 255) return row[i];
    return scale_sample(header.maximum < 256 ? row[i] : row[2 * i] << 8 | row[2 * i + 1], header);
}

/// One row of the file as a row of pixels [width, 3].
void convert_row(std::span<const uint8_t> row, const Header& header, std::span<uint8_t> pixels) {
    const size_t copies = header.kind.channels == 1 ? 3 : 1;
    for (size_t i = 0; i < pixels.size(); i += copies)
        std::fill_n(&pixels[i], copies, sample_of(row, i / copies, header));
}

Image decode_rows(ByteSource& source, const TextReader& text, const Header& header) {
    const size_t row_bytes = header.row_bytes();
    require_bytes_for(source, header.width, header.height, header.height * static_cast<int64_t>(row_bytes));
    Image image = make_image(source, header.width, header.height, static_cast<int64_t>(row_bytes));
    const auto pixel_bytes = static_cast<size_t>(3 * header.width);
    std::vector<uint8_t> row(row_bytes);
    for (size_t y = 0; y < static_cast<size_t>(header.height); ++y) {
        if (source.read(row.data(), row_bytes) < row_bytes) text.throw_truncated();
        const size_t target = header.is_float() ? static_cast<size_t>(header.height) - 1 - y : y;
        convert_row(row, header, std::span(image.pixels).subspan(target * pixel_bytes, pixel_bytes));
    }
    return image;
}

/// One 0 or 1, with or without space before it.
uint8_t bilevel_sample(TextReader& text) {
    for (;;) {
        const std::optional<uint8_t> letter = text.next();
        if (!letter) text.throw_truncated();
        if (is_space(*letter)) continue;
        if (*letter != '0' && *letter != '1') text.throw_damaged("a sample is neither 0 nor 1");
        return *letter == '1' ? 0 : 255;
    }
}

uint8_t text_sample(TextReader& text, const Header& header) {
    if (header.is_bilevel()) return bilevel_sample(text);
    const int64_t value = text.number();
    if (value > header.maximum) text.throw_damaged("a sample is above the maximum");
    return scale_sample(value, header);
}

Image decode_text(ByteSource& source, TextReader& text, const Header& header) {
    constexpr int64_t longest_sample = 11;  // ten digits and a space
    const int64_t fewest_bytes = header.is_bilevel() ? header.samples() : 2 * header.samples() - 1;
    require_bytes_for(source, header.width, header.height, fewest_bytes);
    Image image = make_image(source, header.width, header.height);
    source.allow_pixels(header.width * header.height, longest_sample * header.kind.channels);
    const size_t copies = header.kind.channels == 1 ? 3 : 1;
    for (size_t i = 0; i < image.pixels.size(); i += copies)
        std::fill_n(&image.pixels[i], copies, text_sample(text, header));
    return image;
}

}  // namespace

Image decode_pnm(ByteSource& source) {
    const Kind kind = kind_of(static_cast<char>(source.look()[1]));
    TextReader text(source, kind.name);
    const Header header = read_header(source, text, kind);
    return kind.is_text ? decode_text(source, text, header) : decode_rows(source, text, header);
}

}  // namespace vitrine
