// Python's pickle: see pickle_writer.h.

#include "tools/export/pickle_writer.h"

#include <bit>
#include <limits>
#include <utility>

namespace vitrine::exporting {

PickleWriter::PickleWriter() : code_("\x80\x02") {}

void PickleWriter::integer(int64_t value) {
    if (value >= std::numeric_limits<int32_t>::min() && value <= std::numeric_limits<int32_t>::max()) {
        code_ += 'J';
        little_endian(static_cast<uint64_t>(value), 4);
    } else {
        code_ += "\x8a\x08";  // LONG1, of 8 bytes
        little_endian(static_cast<uint64_t>(value), 8);
    }
}

void PickleWriter::real(double value) {
    code_ += 'G';
    const auto bits = std::bit_cast<uint64_t>(value);
    for (int shift = 56; shift >= 0; shift -= 8) code_ += static_cast<char>(bits >> shift);
}

void PickleWriter::text(std::string_view value) {
    code_ += 'X';
    little_endian(value.size(), 4);
    code_ += value;
}

void PickleWriter::global(std::string_view module, std::string_view name) {
    code_ += 'c';
    for (const std::string_view part : {module, name}) {
        code_ += part;
        code_ += '\n';
    }
}

std::string PickleWriter::finish() { return std::exchange(code_, {}) + '.'; }

void PickleWriter::little_endian(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) code_ += static_cast<char>(value >> (8 * i));
}

}  // namespace vitrine::exporting
