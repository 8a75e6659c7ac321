// Finding and applying EXIF orientations: see orientation.h.

#include "data/orientation.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <utility>

namespace vitrine {
namespace {

using namespace std::string_view_literals;

constexpr uint64_t orientation_tag = 274;

bool begins_with(std::span<const uint8_t> bytes, std::string_view text) {
    return bytes.size() >= text.size() &&
           std::equal(text.begin(), text.end(), bytes.begin(),
                      [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
}

/// A type of TIFF's values by its number.
struct ValueType {
    uint64_t bytes = 0;  // 0: unknown
    bool is_whole = false;
    bool is_signed = false;
};

ValueType type_of(uint64_t number) {
    constexpr std::array<ValueType, 17> types = {{{},
                                                  {1},              // bytes, which are no number
                                                  {1},              // text
                                                  {2, true},        // SHORT, which it should be
                                                  {4, true},        // LONG
                                                  {8},              // a fraction
                                                  {1, true, true},  //
                                                  {1},              // anything
                                                  {2, true, true},  //
                                                  {4, true, true},  //
                                                  {8},              // a fraction
                                                  {4},              // a float
                                                  {8},              //
                                                  {4, true},        // a place in the file
                                                  {},               //
                                                  {},               //
                                                  {8, true}}};      // LONG8
    return number < types.size() ? types[number] : ValueType{};
}

class ExifReader {
  public:
    explicit ExifReader(std::span<const uint8_t> bytes)
        : bytes_(bytes), is_little_endian_(begins_with(bytes, "II"sv)) {}

    bool has_header() const {
        return begins_with(bytes_, "II*\0"sv) || begins_with(bytes_, "MM\0*"sv) ||
               begins_with(bytes_, "MM*\0"sv) || begins_with(bytes_, "II\0*"sv);
    }

    /// The value of the first entry that can be read, as Pillow goes through them: to the first value that
    /// lies outside of the data, once an entry with its tag is known no further ones of it.
    std::optional<int64_t> orientation() const {
        constexpr uint64_t entry_bytes = 12;
        const uint64_t directory = number(4, 4);
        if (!holds(directory, 2)) return std::nullopt;
        const uint64_t entries = number(directory, 2);
        std::bitset<65536> known;
        uint64_t outside = 0;  // bytes of values that do not fit their entries
        for (uint64_t i = 0; i < entries; ++i) {
            const uint64_t entry = directory + 2 + entry_bytes * i;
            if (!holds(entry, entry_bytes)) break;
            const uint64_t tag = number(entry, 2);
            if (known.test(tag)) continue;
            const ValueType type = type_of(number(entry + 2, 2));
            const uint64_t size = number(entry + 4, 4) * type.bytes;
            if (size == 0) continue;
            uint64_t at = entry + 8;
            if (size > 4) {
                outside += size;
                if (outside > bytes_.size()) continue;
                at = number(at, 4);
                if (!holds(at, size)) break;
            }
            if (tag == orientation_tag) return type.is_whole ? whole(at, type) : 0;
            known.set(tag);
        }
        return std::nullopt;
    }

  private:
    bool holds(uint64_t at, uint64_t count) const {
        return count <= bytes_.size() && at <= bytes_.size() - count;
    }

    uint64_t number(uint64_t at, uint64_t count) const {
        uint64_t value = 0;
        for (uint64_t i = 0; i < count; ++i) {
            const uint64_t place = is_little_endian_ ? i : count - 1 - i;
            value |= uint64_t{bytes_[at + i]} << (8 * place);
        }
        return value;
    }

    int64_t whole(uint64_t at, const ValueType& type) const {
        const uint64_t unused_bits = 64 - 8 * type.bytes;
        const uint64_t value = number(at, type.bytes) << unused_bits;
        return type.is_signed ? static_cast<int64_t>(value) >> unused_bits
                              : static_cast<int64_t>(value >> unused_bits);
    }

    std::span<const uint8_t> bytes_;
    bool is_little_endian_;
};

/// Where the pixel of a row and a column goes, in pixels: start + row · by_row + column · by_column.
struct Turn {
    int64_t start, by_row, by_column;
    bool is_sideways;  // height and width change places
};

Turn turn_for(int orientation, int64_t height, int64_t width) {
    switch (orientation) {
        case 2:  // left and right are exchanged
            return {width - 1, width, -1, false};
        case 3:  // upside down
            return {height * width - 1, -width, -1, false};
        case 4:  // top and bottom are exchanged
            return {(height - 1) * width, -width, 1, false};
        case 5:  // rows are columns
            return {0, 1, height, true};
        case 6:  // its top is at the right
            return {height - 1, -1, height, true};
        case 7:  // rows are columns, and upside down
            return {height * width - 1, -1, -height, true};
        default:  // 8: its top is at the left
            return {(width - 1) * height, 1, -height, true};
    }
}

/// In small squares, so that both images stay in the cache.
void turn_pixels(const Image& from, const Turn& turn, std::vector<uint8_t>& to) {
    constexpr int64_t side = 32;
    for (int64_t top = 0; top < from.height; top += side) {
        for (int64_t left = 0; left < from.width; left += side) {
            for (int64_t row = top; row < std::min(top + side, from.height); ++row) {
                for (int64_t column = left; column < std::min(left + side, from.width); ++column) {
                    const uint8_t* pixel = &from.pixels[static_cast<size_t>(3 * (row * from.width + column))];
                    const int64_t place = turn.start + row * turn.by_row + column * turn.by_column;
                    std::copy_n(pixel, 3, &to[static_cast<size_t>(3 * place)]);
                }
            }
        }
    }
}

}  // namespace

std::optional<int64_t> orientation_in_exif(std::span<const uint8_t> exif) {
    constexpr std::string_view mark = "Exif\0\0"sv;
    for (int i = 0; i < 2 && begins_with(exif, mark); ++i) exif = exif.subspan(mark.size());
    if (exif.empty()) return std::nullopt;
    const ExifReader reader(exif);
    return exif.size() >= 8 && reader.has_header() ? reader.orientation() : 0;
}

std::optional<int64_t> orientation_in_xmp(std::string_view xmp) {
    constexpr std::string_view name = "tiff:Orientation";
    for (size_t at = xmp.find(name); at != std::string_view::npos; at = xmp.find(name, at + 1)) {
        std::string_view rest = xmp.substr(at + name.size());
        const size_t opening = rest.starts_with("=\"") ? 2 : rest.starts_with(">") ? 1 : 0;
        if (opening == 0 || rest.size() == opening) continue;
        if (const char digit = rest[opening]; digit >= '0' && digit <= '9') return digit - '0';
    }
    return std::nullopt;
}

int orientation_of(std::optional<int64_t> in_exif, std::optional<int64_t> in_xmp) {
    const int64_t value = in_exif ? *in_exif : in_xmp.value_or(1);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

Image turned_upright(Image image) {
    if (image.orientation == 1) return image;
    const Turn turn = turn_for(image.orientation, image.height, image.width);
    std::vector<uint8_t> pixels(image.pixels.size());
    turn_pixels(image, turn, pixels);
    image.pixels = std::move(pixels);
    if (turn.is_sideways) std::swap(image.height, image.width);
    return image;
}

}  // namespace vitrine
