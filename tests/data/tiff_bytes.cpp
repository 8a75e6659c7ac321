// Writing TIFF files: see tiff_bytes.h.

#include "tests/data/tiff_bytes.h"

#include <algorithm>
#include <vector>

namespace vitrine::test {
namespace {

constexpr uint16_t short_type = 3, long_type = 4;

struct Entry {
    uint16_t tag, type;
    uint64_t count, value;
};

class Writer {
  public:
    explicit Writer(const TiffFields& fields) : fields_(fields) {}

    void number(uint64_t value, size_t bytes) {
        for (size_t i = 0; i < bytes; ++i) {
            const size_t place = fields_.is_big_endian ? bytes - 1 - i : i;
            content.push_back(static_cast<uint8_t>(value >> (8 * place)));
        }
    }
    void offset(uint64_t value) { number(value, fields_.is_big ? 8 : 4); }

    void entry(const Entry& entry) {
        number(entry.tag, 2);
        number(entry.type, 2);
        offset(entry.count);
        // Shorts that fit are in the first bytes, and all alike here.
        const size_t room = fields_.is_big ? 8 : 4, size = entry.type == short_type ? 2 : 4;
        const size_t values = std::min<size_t>(entry.count, room / size);
        for (size_t i = 0; i < values; ++i) number(entry.value, size);
        content.resize(content.size() + room - values * size);
    }

    Bytes content;

  private:
    const TiffFields& fields_;
};

}  // namespace

Bytes tiff_bytes(const TiffFields& fields) {
    const uint64_t sample_bytes = (fields.bits + 7) / 8;
    const uint64_t samples = uint64_t{fields.width} * fields.height * fields.samples;
    const uint64_t count = std::min<uint64_t>(samples, fields.most_bytes / sample_bytes);
    std::vector<Entry> entries = {{256, long_type, 1, fields.width},
                                  {257, long_type, 1, fields.height},
                                  // What does not fit is left out: one number stands for all samples.
                                  {258, short_type, 1, fields.bits},
                                  {259, short_type, 1, fields.compression},
                                  {262, short_type, 1, fields.photometric},
                                  {274, short_type, 1, fields.orientation},
                                  {277, short_type, 1, fields.samples},
                                  {284, short_type, 1, fields.has_planes ? 2u : 1u},
                                  {339, short_type, 1, fields.format}};
    const size_t entry_bytes = fields.is_big ? 20 : 12;
    const size_t head_bytes = fields.is_big ? 16 + 8 : 8 + 2;
    const size_t pixels_at = head_bytes + (entries.size() + (fields.tile_side > 0 ? 4 : 3)) * entry_bytes + 8;
    if (fields.tile_side > 0) {
        entries.push_back({322, long_type, 1, fields.tile_side});
        entries.push_back({323, long_type, 1, fields.tile_side});
        entries.push_back({324, long_type, 1, pixels_at});
        entries.push_back({325, long_type, 1, count * sample_bytes});
    } else {
        entries.push_back({273, long_type, 1, pixels_at});
        entries.push_back({278, long_type, 1, fields.height});
        entries.push_back({279, long_type, 1, count * sample_bytes});
    }
    std::ranges::sort(entries, {}, &Entry::tag);
    Writer writer(fields);
    writer.content = fields.is_big_endian ? Bytes{'M', 'M'} : Bytes{'I', 'I'};
    writer.number(fields.is_big ? 43 : 42, 2);
    if (fields.is_big) writer.number(fields.is_big_endian ? 8 << 16 : 8, 4);
    writer.offset(fields.is_big ? 16 : 8);
    writer.number(entries.size(), fields.is_big ? 8 : 2);
    for (const Entry& entry : entries) writer.entry(entry);
    writer.content.resize(pixels_at);
    // The high byte of a wider sample counts; the others are zero.
    for (uint64_t i = 0; i < count; ++i) writer.number(i % 251 << (8 * (sample_bytes - 1)), sample_bytes);
    return writer.content;
}

}  // namespace vitrine::test
