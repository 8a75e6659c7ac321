// PNG files, the checksums of their chunks put right: a fuzzer would hardly ever guess one.

#include <zlib.h>

#include <vector>

#include "tests/fuzz/support.h"

namespace {

constexpr size_t signature_bytes = 8;
constexpr size_t chunk_frame_bytes = 12;  // length, name, checksum

uint32_t big_endian(const uint8_t* bytes) {
    return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

void put_checksums_right(std::vector<uint8_t>& bytes) {
    for (size_t at = signature_bytes; at + chunk_frame_bytes <= bytes.size();) {
        const size_t length = big_endian(&bytes[at]);
        if (length > bytes.size() - at - chunk_frame_bytes) return;
        const auto checksum = static_cast<uint32_t>(crc32_z(0, &bytes[at + 4], length + 4));
        for (size_t i = 0; i < 4; ++i)
            bytes[at + 8 + length + i] = static_cast<uint8_t>(checksum >> (24 - 8 * i));
        at += length + chunk_frame_bytes;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::vector<uint8_t> bytes(data, data + size);
    put_checksums_right(bytes);
    vitrine::fuzz::decode(bytes, "\x89PNG\r\n\x1A\n");
    return 0;
}
