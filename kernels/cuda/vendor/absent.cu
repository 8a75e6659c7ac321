// Stands in for cuDNN and cuBLAS in a build without them.

#include "kernels/cuda/vendor/available.h"
#include "kernels/cuda/vendor/fallbacks.h"

namespace vitrine::VITRINE_GPU::vendor {

const char* loading_problem(std::string_view library) {
    return is_gpu_library(library) ? "this build was made without cuDNN and cuBLAS" : nullptr;
}
const char* library_problem(std::string_view library) { return loading_problem(library); }
std::string library_version(std::string_view) { return ""; }

const Fallbacks& fallbacks() {
    static const Fallbacks none;
    return none;
}

}  // namespace vitrine::VITRINE_GPU::vendor
