// The three files of CIFAR-100, one of them the input.

#include "tests/fuzz/support.h"

namespace {

using vitrine::fuzz::Files;

/// One record of the class 5.
std::vector<uint8_t> record() {
    std::vector<uint8_t> bytes(2 + 3 * 32 * 32, 9);
    bytes[0] = bytes[1] = 5;
    return bytes;
}

std::vector<uint8_t> names() {
    std::vector<uint8_t> bytes;
    for (int i = 0; i < 100; ++i) bytes.insert(bytes.end(), {'c', '\n'});
    return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const Files files = {
        {"fine_label_names.txt", names()}, {"test.bin", record()}, {"train.bin", record()}};
    vitrine::fuzz::load_with_one_replaced({data, size}, files, "cifar100");
    return 0;
}
