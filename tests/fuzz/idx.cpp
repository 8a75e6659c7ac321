// The four IDX files of MNIST, one of them the input.

#include "tests/fuzz/support.h"

namespace {

using vitrine::fuzz::Files;

std::vector<uint8_t> labels() { return {0, 0, 8, 1, 0, 0, 0, 2, 3, 7}; }

/// Two images of 2 x 2 pixels.
std::vector<uint8_t> images() {
    return {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const Files files = {{"t10k-images-idx3-ubyte", images()},
                                {"t10k-labels-idx1-ubyte", labels()},
                                {"train-images-idx3-ubyte", images()},
                                {"train-labels-idx1-ubyte", labels()}};
    vitrine::fuzz::load_with_one_replaced({data, size}, files, "mnist");
    return 0;
}
