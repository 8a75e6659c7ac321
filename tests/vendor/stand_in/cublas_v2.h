// What is used of cuBLAS 13's header, for the stand-in library and for compiling kernels/cuda/vendor without
// CUDA: see cudnn.h beside it.
#pragma once

#include <cstddef>

#ifndef VITRINE_STAND_IN_FUNCTION
#define VITRINE_STAND_IN_FUNCTION extern "C"
#endif

#define CUBLAS_VER_MAJOR 13

typedef struct CUstream_st* cudaStream_t;
typedef struct cublasContext* cublasHandle_t;

#ifndef VITRINE_ENUMERATOR
#define VITRINE_ENUMERATOR(name, value) name = value,
#endif

#define VITRINE_CUBLAS_STATUS(X)          \
    X(CUBLAS_STATUS_SUCCESS, 0)           \
    X(CUBLAS_STATUS_NOT_INITIALIZED, 1)   \
    X(CUBLAS_STATUS_ALLOC_FAILED, 3)      \
    X(CUBLAS_STATUS_INVALID_VALUE, 7)     \
    X(CUBLAS_STATUS_ARCH_MISMATCH, 8)     \
    X(CUBLAS_STATUS_EXECUTION_FAILED, 13) \
    X(CUBLAS_STATUS_INTERNAL_ERROR, 14)   \
    X(CUBLAS_STATUS_NOT_SUPPORTED, 15)
typedef enum { VITRINE_CUBLAS_STATUS(VITRINE_ENUMERATOR) } cublasStatus_t;

#define VITRINE_CUBLAS_OPERATION(X) X(CUBLAS_OP_N, 0) X(CUBLAS_OP_T, 1) X(CUBLAS_OP_C, 2)
typedef enum { VITRINE_CUBLAS_OPERATION(VITRINE_ENUMERATOR) } cublasOperation_t;

#define VITRINE_CUBLAS_MATH(X)  \
    X(CUBLAS_DEFAULT_MATH, 0)   \
    X(CUBLAS_TENSOR_OP_MATH, 1) \
    X(CUBLAS_PEDANTIC_MATH, 2)  \
    X(CUBLAS_TF32_TENSOR_OP_MATH, 3)
typedef enum { VITRINE_CUBLAS_MATH(VITRINE_ENUMERATOR) } cublasMath_t;

#define VITRINE_CUBLAS_ENUMERATIONS(X) \
    VITRINE_CUBLAS_STATUS(X) VITRINE_CUBLAS_OPERATION(X) VITRINE_CUBLAS_MATH(X)

VITRINE_STAND_IN_FUNCTION cublasStatus_t cublasCreate_v2(cublasHandle_t* handle);
VITRINE_STAND_IN_FUNCTION cublasStatus_t cublasGetVersion_v2(cublasHandle_t handle, int* version);
VITRINE_STAND_IN_FUNCTION cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream);
VITRINE_STAND_IN_FUNCTION cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode);
VITRINE_STAND_IN_FUNCTION cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace,
                                                               size_t bytes);
VITRINE_STAND_IN_FUNCTION const char* cublasGetStatusString(cublasStatus_t status);
VITRINE_STAND_IN_FUNCTION cublasStatus_t cublasSgemm_v2(cublasHandle_t handle, cublasOperation_t of_a,
                                                        cublasOperation_t of_b, int m, int n, int k,
                                                        const float* alpha, const float* a, int lda,
                                                        const float* b, int ldb, const float* beta, float* c,
                                                        int ldc);
VITRINE_STAND_IN_FUNCTION cublasStatus_t cublasDgemm_v2(cublasHandle_t handle, cublasOperation_t of_a,
                                                        cublasOperation_t of_b, int m, int n, int k,
                                                        const double* alpha, const double* a, int lda,
                                                        const double* b, int ldb, const double* beta,
                                                        double* c, int ldc);
