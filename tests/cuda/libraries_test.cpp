// The libraries that stand behind our kernels: found, with all that is used of them. It needs no GPU.

#include <doctest/doctest.h>

#include <string>

#include "kernels/cuda/nccl/join_nccl.h"
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

TEST_CASE("NCCL has every function that is used") {
    const char* const problem = nccl_problem(alone());
    if (!VITRINE_NCCL_INSTALLED) {
        MESSAGE("skipped: this build has no NCCL");
        CHECK(problem != nullptr);
        return;
    }
    // Without a GPU, that is what is missing, and nothing else.
    const bool no_gpu = problem != nullptr && std::string(problem).find("0 GPUs") != std::string::npos;
    CHECK_MESSAGE((problem == nullptr || no_gpu), problem);
}

}  // namespace vitrine::cuda::vendor
