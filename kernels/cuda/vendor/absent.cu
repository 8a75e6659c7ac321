// Stands in for cuDNN and cuBLAS in a build without them.

#include "kernels/cuda/vendor/available.h"
#include "kernels/cuda/vendor/rivals.h"

namespace vitrine::VITRINE_GPU::vendor {

const char* cudnn_problem() { return "this build was made without cuDNN"; }
const char* cublas_problem() { return "this build was made without cuBLAS"; }

std::span<const Implementation<ConvForward>> rivals(const Kernel<ConvForward>&) { return {}; }
std::span<const Implementation<ConvBackward>> rivals(const Kernel<ConvBackward>&) { return {}; }
std::span<const Implementation<LinearForward>> rivals(const Kernel<LinearForward>&) { return {}; }
std::span<const Implementation<LinearBackward>> rivals(const Kernel<LinearBackward>&) { return {}; }

}  // namespace vitrine::VITRINE_GPU::vendor
