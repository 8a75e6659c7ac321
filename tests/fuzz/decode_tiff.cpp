// TIFF files, in either byte order, with offsets of 32 and of 64 bits: the input's first byte and third one
// choose.

#include <string_view>

#include "tests/fuzz/support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace std::string_view_literals;
    const bool is_big_endian = size > 0 && data[0] == 'M';
    const bool has_long_offsets = size > 3 && (data[2] == '+' || data[3] == '+');
    const std::string_view little = has_long_offsets ? "II+\0"sv : "II*\0"sv;
    const std::string_view big = has_long_offsets ? "MM\0+"sv : "MM\0*"sv;
    vitrine::fuzz::decode({data, size}, is_big_endian ? big : little);
    return 0;
}
