// The pickle of a file of torch.save, its state_dict and its optimiser, in an archive whose checksums fit, beside a storage of 64 bytes.

#include <stdexcept>

#include "engine/error.h"
#include "engine/torch_file.h"
#include "engine/torch_optimizer.h"
#include "tests/engine/torch_bytes.h"
#include "tests/fuzz/support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace vitrine;
    const std::string pickle(reinterpret_cast<const char*>(data), size);
    const std::string file = tests::torch_file_of(pickle, std::string(64, '\1'));
    try {
        parse_torch_optimizer(file, "file");
    } catch (const Error&) {
    }
    try {
        const TorchState found = parse_torch_file(file, "file");
        for (const SafeTensor& tensor : found.state.tensors) {
            if (tensor.is_number() && tensor.values().size() != static_cast<size_t>(tensor.shape.count()))
                throw std::logic_error("not as many values as the shape says");
        }
    } catch (const Error&) {
    }
    return 0;
}
