// WebP files. Their length is put right, as a file that says another one is refused before it is looked at.

#include <vector>

#include "tests/fuzz/support.h"

namespace {

constexpr size_t head_bytes = 12;  // RIFF, length, WEBP

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::vector<uint8_t> bytes(data, data + size);
    if (bytes.size() < head_bytes) bytes.resize(head_bytes);
    const size_t length = bytes.size() - 8;
    std::string head = "RIFF....WEBP";
    for (size_t i = 0; i < 4; ++i) head[4 + i] = static_cast<char>(length >> (8 * i));
    vitrine::fuzz::decode(bytes, head);
    return 0;
}
