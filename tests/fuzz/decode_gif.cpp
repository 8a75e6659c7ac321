// GIF files.

#include "tests/fuzz/support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    vitrine::fuzz::decode({data, size}, "GIF89a");
    return 0;
}
