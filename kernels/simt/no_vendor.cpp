// No libraries on the simt device: it runs handwritten kernels alone.

#include <stdexcept>

#include "kernels/cuda/nccl/join_nccl.h"
#include "kernels/cuda/vendor/available.h"
#include "kernels/cuda/vendor/fallbacks.h"

namespace vitrine::simt::vendor {

const char* loading_problem(std::string_view library) {
    return is_gpu_library(library) ? "the simt device runs no libraries" : nullptr;
}
const char* library_problem(std::string_view library) { return loading_problem(library); }
std::string library_version(std::string_view) { return ""; }

const Fallbacks& fallbacks() {
    static const Fallbacks none;
    return none;
}

}  // namespace vitrine::simt::vendor

namespace vitrine::simt {

const char* nccl_problem(const Collective&) { return "the simt device runs no libraries"; }
std::unique_ptr<DeviceCollective> join_nccl(Collective&, bool) {
    throw std::logic_error(nccl_problem(alone()));
}

}  // namespace vitrine::simt
