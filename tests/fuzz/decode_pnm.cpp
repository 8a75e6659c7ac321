// PGM and PPM files: the second byte of the input says which.

#include "tests/fuzz/support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const bool is_gray = size > 1 && data[1] == '5';
    vitrine::fuzz::decode({data, size}, is_gray ? "P5" : "P6");
    return 0;
}
