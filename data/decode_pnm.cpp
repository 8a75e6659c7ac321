// PGM and PPM: a header in text ("P6 WIDTH HEIGHT MAXIMUM", comments after #) and the samples, one or two
// bytes each.

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "data/decoders.h"

namespace vitrine {
namespace {

class HeaderReader {
  public:
    HeaderReader(std::span<const uint8_t> bytes, const std::string& path) : bytes_(bytes), path_(path) {}

    int64_t number() {
        skip_space();
        const size_t start = position_;
        int64_t value = 0;
        while (position_ < bytes_.size() && std::isdigit(bytes_[position_]) && position_ - start < 10) {
            value = 10 * value + (bytes_[position_++] - '0');
        }
        if (position_ == start)
            throw ImageError(path_, "the PGM or PPM header is damaged (a number is missing)");
        return value;
    }

    /// The samples begin after exactly one space.
    std::span<const uint8_t> rest() const { return bytes_.subspan(std::min(position_ + 1, bytes_.size())); }

  private:
    void skip_space() {
        while (position_ < bytes_.size() && (std::isspace(bytes_[position_]) || bytes_[position_] == '#')) {
            if (bytes_[position_] != '#') {
                ++position_;
                continue;
            }
            while (position_ < bytes_.size() && bytes_[position_] != '\n') ++position_;
        }
    }

    std::span<const uint8_t> bytes_;
    const std::string& path_;
    size_t position_ = 2;  // after the P5 or P6
};

/// Pillow's reading of one sample: colour and 8-bit gray are scaled to 0 … 255; gray with a larger maximum is
/// scaled to 0 … 65535 and then clipped at 255. Ties round to even.
uint8_t scale_sample(int value, int64_t maximum, bool is_gray) {
    const double largest = is_gray && maximum > 255 ? 65535.0 : 255.0;
    const double scaled = std::nearbyint(static_cast<double>(value) / static_cast<double>(maximum) * largest);
    return static_cast<uint8_t>(std::min(scaled, 255.0));
}

}  // namespace

Image decode_pnm(std::span<const uint8_t> bytes, const std::string& path) {
    const bool is_gray = bytes[1] == '5';
    HeaderReader header(bytes, path);
    const int64_t width = header.number();
    const int64_t height = header.number();
    const int64_t maximum = header.number();
    if (maximum < 1 || maximum > 65535) {
        throw ImageError(path, fmt::format("the PGM or PPM maximum is {}; 1 to 65535 are allowed", maximum));
    }
    check_image_size(width, height, path);
    const size_t sample_bytes = maximum < 256 ? 1 : 2;
    const size_t samples = static_cast<size_t>(width * height) * (is_gray ? 1 : 3);
    const std::span<const uint8_t> data = header.rest();
    if (data.size() < samples * sample_bytes) throw ImageError(path, "the PGM or PPM file is truncated");

    Image image = make_image(width, height, path);
    for (size_t i = 0; i < image.pixels.size(); ++i) {
        const size_t sample = is_gray ? i / 3 : i;
        const int value = sample_bytes == 1 ? data[sample] : data[2 * sample] << 8 | data[2 * sample + 1];
        image.pixels[i] =
            maximum == 255 ? static_cast<uint8_t>(value) : scale_sample(value, maximum, is_gray);
    }
    return image;
}

}  // namespace vitrine
