// A safetensors file, and the model that it may say it holds.

#include "engine/safetensors.h"

#include <stdexcept>

#include "engine/error.h"
#include "tests/fuzz/support.h"
#include "tools/common/model_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace vitrine;
    try {
        const SafeTensors file = parse_safetensors({reinterpret_cast<const char*>(data), size}, "file");
        size_t bytes = 0;
        for (const SafeTensor& tensor : file.tensors) bytes += tensor.bytes.size();
        if (bytes > size) throw std::logic_error("tensors that are larger than their file");
        if (const auto description = tools::description_in(file, "file"))
            tools::build_model(*description, {DType::f32, Device::reference}, file, "file");
    } catch (const Error&) {
    }
    return 0;
}
