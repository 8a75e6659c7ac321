// What torch.save wrote, as a whole file: the zip archive, and the older formats that are told apart.

#include "engine/torch_file.h"

#include <stdexcept>

#include "engine/error.h"
#include "engine/torch_archive.h"
#include "tests/fuzz/support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace vitrine;
    const std::string_view content{reinterpret_cast<const char*>(data), size};
    try {
        const TorchState found = parse_torch_file(content, "file");
        if (!looks_like_torch_file(content)) throw std::logic_error("read, though it does not look like one");
        size_t bytes = 0;
        for (const SafeTensor& tensor : found.state.tensors) bytes += tensor.bytes.size();
        if (bytes > 4 * size + (1 << 16))
            throw std::logic_error("tensors that are much larger than their file");
    } catch (const Error&) {
    }
    return 0;
}
