// The libraries that stand behind our kernels: found, with all that is used of them. It needs no GPU.

#include <doctest/doctest.h>

#include "kernels/cuda/vendor/available.h"

namespace vitrine::cuda::vendor {

TEST_CASE("cuDNN and cuBLAS have every function that is used") {
    if (!VITRINE_RIVALS_INSTALLED) {
        MESSAGE("skipped: this build has no cuDNN and cuBLAS");
        CHECK(cudnn_problem() != nullptr);
        CHECK(cublas_problem() != nullptr);
        return;
    }
    const char* const cudnn = cudnn_problem();
    CHECK_MESSAGE(cudnn == nullptr, cudnn);
    const char* const cublas = cublas_problem();
    CHECK_MESSAGE(cublas == nullptr, cublas);
}

}  // namespace vitrine::cuda::vendor
