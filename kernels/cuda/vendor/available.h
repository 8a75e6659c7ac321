// Whether the libraries can be used: for what asks without the libraries' headers. A library is called by the
// name of its implementations, cudnn or cublas.
#pragma once

#include <string>
#include <string_view>

namespace vitrine {

/// Whether implementations of this name are a library's that a GPU's machine may have or not.
constexpr bool is_gpu_library(std::string_view name) { return name == "cudnn" || name == "cublas"; }

#define VITRINE_AVAILABLE                                                                              \
    /* Null if the library is there and has all that is used of it, else why not (a phrase). */        \
    const char* loading_problem(std::string_view library);                                             \
    /* The same, and that it can start here, which needs a GPU. Null for what is no library's name. */ \
    const char* library_problem(std::string_view library);                                             \
    /* As the library numbers itself: "91400". Empty if it cannot be used, and for what is none. */    \
    std::string library_version(std::string_view library);
namespace cuda::vendor {
VITRINE_AVAILABLE
}
namespace simt::vendor {
VITRINE_AVAILABLE
}
#undef VITRINE_AVAILABLE

}  // namespace vitrine
