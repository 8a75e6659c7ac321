// cuDNN and cuBLAS, loaded when they are first asked for.
//
// They are not linked: together they are hundreds of megabytes, and every start of a program would wait a
// tenth of a second for them, also on a machine without a GPU or without the libraries. Their headers say
// what the functions look like; libraries.cu finds them at run time.
#pragma once

#include <cublas_v2.h>
#include <cudnn.h>

#include <string>
#include <utility>

#include "kernels/cuda/gpu.h"
#include "kernels/cuda/vendor/functions.h"
#include "kernels/error.h"

namespace vitrine::VITRINE_GPU::vendor {

#define VITRINE_POINTER(name) decltype(&::name) name = nullptr;
struct CudnnFunctions {
    VITRINE_CUDNN_FUNCTIONS(VITRINE_POINTER)
};
struct CublasFunctions {
    VITRINE_CUBLAS_FUNCTIONS(VITRINE_POINTER)
};
#undef VITRINE_POINTER

/// Null if the library is there and has started, else why not (a phrase). It starts when first asked.
const char* cudnn_problem();
const char* cublas_problem();

/// The functions; throw Error if the library cannot be loaded.
const CudnnFunctions& cudnn();
const CublasFunctions& cublas();

/// The library's handle, on the device's stream. Like the driver it lives as long as the program. Throws
/// Error if the library cannot be used: see cudnn_problem() and cublas_problem().
cudnnHandle_t cudnn_handle();
cublasHandle_t cublas_handle();

/// A library's call that failed. what() names the call, its place, the library's reason and what to try.
struct LibraryFailure : Error {
    LibraryFailure(const std::string& message, std::string of_library)
        : Error(message), reason(std::move(of_library)) {}

    std::string reason;  // "CUDNN_STATUS_NOT_SUPPORTED: the filter is larger than …"
};

/// Throw LibraryFailure, unless the status is success.
void require_success(cudnnStatus_t status, const char* call, const char* file, int line);
void require_success(cublasStatus_t status, const char* call, const char* file, int line);

}  // namespace vitrine::VITRINE_GPU::vendor

/// VITRINE_CUDNN(cudnnSetStream, handle, stream) calls the loaded function and checks its status.
#define VITRINE_CUDNN(name, ...)                     \
    ::vitrine::VITRINE_GPU::vendor::require_success( \
        ::vitrine::VITRINE_GPU::vendor::cudnn().name(__VA_ARGS__), #name, __FILE__, __LINE__)
#define VITRINE_CUBLAS(name, ...)                    \
    ::vitrine::VITRINE_GPU::vendor::require_success( \
        ::vitrine::VITRINE_GPU::vendor::cublas().name(__VA_ARGS__), #name, __FILE__, __LINE__)
