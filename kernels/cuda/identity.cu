// The GPU's name and the versions of what drives it: see kernels/device_identity.h.

#include "kernels/device_identity.h"

#include "kernels/cuda/runtime.h"

namespace vitrine::VITRINE_GPU {

#ifdef __CUDACC__
namespace {

/// 13000 is 13.0.
std::string version_text(int version) {
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace

std::string identity() {
    int device = 0, driver = 0, toolkit = 0;
    cudaDeviceProp properties{};
    VITRINE_CUDA(cudaGetDevice(&device));
    VITRINE_CUDA(cudaGetDeviceProperties(&properties, device));
    VITRINE_CUDA(cudaDriverGetVersion(&driver));
    VITRINE_CUDA(cudaRuntimeGetVersion(&toolkit));
    return std::string(properties.name) + ", compute capability " + std::to_string(properties.major) + "." +
           std::to_string(properties.minor) + ", driver for CUDA " + version_text(driver) + ", CUDA " +
           version_text(toolkit);
}
#else
std::string identity() { return "the executor of this host"; }
#endif

}  // namespace vitrine::VITRINE_GPU
