// The libraries that stand behind our kernels: found, with all that is used of them. It needs no GPU.

#include <doctest/doctest.h>

#include "kernels/cuda/vendor/available.h"

namespace vitrine::cuda::vendor {

TEST_CASE("cuDNN and cuBLAS have every function that is used") {
    if (!VITRINE_VENDOR_INSTALLED) {
        MESSAGE("skipped: this build has no cuDNN and cuBLAS");
        CHECK(loading_problem("cudnn") != nullptr);
        CHECK(loading_problem("cublas") != nullptr);
        return;
    }
    const char* const cudnn = loading_problem("cudnn");
    CHECK_MESSAGE(cudnn == nullptr, cudnn);
    const char* const cublas = loading_problem("cublas");
    CHECK_MESSAGE(cublas == nullptr, cublas);
}

}  // namespace vitrine::cuda::vendor
