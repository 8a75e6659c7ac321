// PBM, PGM, PPM and PFM files: the second byte of the input says which.

#include "tests/fuzz/support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr std::string_view letters = "123456f";
    const char letter = size > 1 ? static_cast<char>(data[1]) : '6';
    const char magic[] = {'P', letters.find(letter) != std::string_view::npos ? letter : '6'};
    vitrine::fuzz::decode({data, size}, {magic, 2});
    return 0;
}
