// cuDNN and cuBLAS, loaded when they are first asked for.
//
// They are not linked: together they are hundreds of megabytes, and every start of a program would wait a
// tenth of a second for them, also on a machine without a GPU or without the libraries. Their headers say
// what the functions look like; libraries.cu finds them at run time.
#pragma once

#include <cublas_v2.h>
#include <cudnn.h>

#include "kernels/cuda/gpu.h"
#include "kernels/cuda/vendor/available.h"

namespace vitrine::VITRINE_GPU::vendor {

#define VITRINE_CUDNN_FUNCTIONS(FUNCTION)                    \
    FUNCTION(cudnnCreate)                                    \
    FUNCTION(cudnnSetStream)                                 \
    FUNCTION(cudnnGetErrorString)                            \
    FUNCTION(cudnnGetLastErrorString)                        \
    FUNCTION(cudnnCreateTensorDescriptor)                    \
    FUNCTION(cudnnSetTensor4dDescriptor)                     \
    FUNCTION(cudnnCreateFilterDescriptor)                    \
    FUNCTION(cudnnSetFilter4dDescriptor)                     \
    FUNCTION(cudnnCreateConvolutionDescriptor)               \
    FUNCTION(cudnnSetConvolution2dDescriptor)                \
    FUNCTION(cudnnSetConvolutionGroupCount)                  \
    FUNCTION(cudnnSetConvolutionMathType)                    \
    FUNCTION(cudnnGetConvolutionForwardAlgorithm_v7)         \
    FUNCTION(cudnnGetConvolutionBackwardDataAlgorithm_v7)    \
    FUNCTION(cudnnGetConvolutionBackwardFilterAlgorithm_v7)  \
    FUNCTION(cudnnGetConvolutionForwardWorkspaceSize)        \
    FUNCTION(cudnnGetConvolutionBackwardDataWorkspaceSize)   \
    FUNCTION(cudnnGetConvolutionBackwardFilterWorkspaceSize) \
    FUNCTION(cudnnConvolutionForward)                        \
    FUNCTION(cudnnConvolutionBackwardData)                   \
    FUNCTION(cudnnConvolutionBackwardFilter)

#define VITRINE_CUBLAS_FUNCTIONS(FUNCTION) \
    FUNCTION(cublasCreate_v2)              \
    FUNCTION(cublasSetStream_v2)           \
    FUNCTION(cublasSetMathMode)            \
    FUNCTION(cublasSetWorkspace_v2)        \
    FUNCTION(cublasGetStatusString)        \
    FUNCTION(cublasSgemm_v2)               \
    FUNCTION(cublasDgemm_v2)

#define VITRINE_POINTER(name) decltype(&::name) name = nullptr;
struct CudnnFunctions {
    VITRINE_CUDNN_FUNCTIONS(VITRINE_POINTER)
};
struct CublasFunctions {
    VITRINE_CUBLAS_FUNCTIONS(VITRINE_POINTER)
};
#undef VITRINE_POINTER

/// The functions; throw Error if the library cannot be used (see cudnn_problem()).
const CudnnFunctions& cudnn();
const CublasFunctions& cublas();

/// The library's handle, made when first asked for, on the device's stream. Like the driver it lives as long
/// as the program.
cudnnHandle_t cudnn_handle();
cublasHandle_t cublas_handle();

/// Throw Error naming the call, its place, the library's reason and what to try.
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
