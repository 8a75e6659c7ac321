// A device by name and version: see device_identity.h.

#include "kernels/device_identity.h"

#include <fmt/format.h>

#include <stdexcept>

#include "kernels/cores.h"
#include "kernels/cpu/onednn/onednn.h"
#include "kernels/cuda/vendor/available.h"
#include "kernels/threads.h"

namespace vitrine {
namespace {

std::string with_libraries(std::string identity, std::string (*version)(std::string_view)) {
    for (const auto& [name, library] : {std::pair("cuDNN", "cudnn"), std::pair("cuBLAS", "cublas")}) {
        const std::string number = version(library);
        if (!number.empty()) identity += fmt::format(", {} {}", name, number);
    }
    return identity;
}

}  // namespace

std::string device_identity(Device device) {
    switch (device) {
        case Device::reference:
        case Device::cpu:
            return fmt::format("{}, {} threads, oneDNN {}", processor_name(), threads(),
                               cpu::onednn::version());
        case Device::cuda:
            return with_libraries(cuda::identity(), cuda::vendor::library_version);
        case Device::simt:
            return with_libraries(simt::identity(), simt::vendor::library_version);
    }
    throw std::logic_error("unknown device");
}

}  // namespace vitrine
