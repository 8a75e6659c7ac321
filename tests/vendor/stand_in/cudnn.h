// What is used of cuDNN 9's header, for the stand-in library and for compiling kernels/cuda/vendor without
// CUDA: names, values and signatures as NVIDIA's header has them, which tests/vendor/real_headers_test.cpp
// compares where that header is installed.
//
// Enumerations are lists of X(name, value), so that the comparison forgets none.
#pragma once

#include <cstddef>

// A comparison wants these functions to be others than the library's own.
#ifndef VITRINE_STAND_IN_FUNCTION
#define VITRINE_STAND_IN_FUNCTION extern "C"
#endif

#define CUDNN_MAJOR 9
#define CUDNN_BN_MIN_EPSILON 0.0

typedef struct CUstream_st* cudaStream_t;

typedef struct cudnnContext* cudnnHandle_t;
typedef struct cudnnTensorStruct* cudnnTensorDescriptor_t;
typedef struct cudnnFilterStruct* cudnnFilterDescriptor_t;
typedef struct cudnnConvolutionStruct* cudnnConvolutionDescriptor_t;
typedef struct cudnnPoolingStruct* cudnnPoolingDescriptor_t;

#define VITRINE_ENUMERATOR(name, value) name = value,

#define VITRINE_CUDNN_STATUS(X)                                \
    X(CUDNN_STATUS_SUCCESS, 0)                                 \
    X(CUDNN_STATUS_NOT_INITIALIZED, 1001)                      \
    X(CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED, 1008)            \
    X(CUDNN_STATUS_BAD_PARAM, 2000)                            \
    X(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, 2002)               \
    X(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER, 2003)         \
    X(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT, 2006)          \
    X(CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH, 2007)            \
    X(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH, 2008)             \
    X(CUDNN_STATUS_NOT_SUPPORTED, 3000)                        \
    X(CUDNN_STATUS_NOT_SUPPORTED_SHAPE, 3002)                  \
    X(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, 3003)              \
    X(CUDNN_STATUS_NOT_SUPPORTED_LAYOUT, 3004)                 \
    X(CUDNN_STATUS_NOT_SUPPORTED_SUBLIBRARY_UNAVAILABLE, 3009) \
    X(CUDNN_STATUS_INTERNAL_ERROR, 4000)                       \
    X(CUDNN_STATUS_EXECUTION_FAILED, 5000)
typedef enum { VITRINE_CUDNN_STATUS(VITRINE_ENUMERATOR) } cudnnStatus_t;

#define VITRINE_CUDNN_DATA_TYPE(X) \
    X(CUDNN_DATA_FLOAT, 0)         \
    X(CUDNN_DATA_DOUBLE, 1)        \
    X(CUDNN_DATA_HALF, 2)
typedef enum { VITRINE_CUDNN_DATA_TYPE(VITRINE_ENUMERATOR) } cudnnDataType_t;

#define VITRINE_CUDNN_MATH_TYPE(X)              \
    X(CUDNN_DEFAULT_MATH, 0)                    \
    X(CUDNN_TENSOR_OP_MATH, 1)                  \
    X(CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION, 2) \
    X(CUDNN_FMA_MATH, 3)
typedef enum { VITRINE_CUDNN_MATH_TYPE(VITRINE_ENUMERATOR) } cudnnMathType_t;

#define VITRINE_CUDNN_DETERMINISM(X) X(CUDNN_NON_DETERMINISTIC, 0) X(CUDNN_DETERMINISTIC, 1)
typedef enum { VITRINE_CUDNN_DETERMINISM(VITRINE_ENUMERATOR) } cudnnDeterminism_t;

#define VITRINE_CUDNN_TENSOR_FORMAT(X) X(CUDNN_TENSOR_NCHW, 0) X(CUDNN_TENSOR_NHWC, 1)
typedef enum { VITRINE_CUDNN_TENSOR_FORMAT(VITRINE_ENUMERATOR) } cudnnTensorFormat_t;

#define VITRINE_CUDNN_CONVOLUTION_MODE(X) X(CUDNN_CONVOLUTION, 0) X(CUDNN_CROSS_CORRELATION, 1)
typedef enum { VITRINE_CUDNN_CONVOLUTION_MODE(VITRINE_ENUMERATOR) } cudnnConvolutionMode_t;

#define VITRINE_CUDNN_NAN_PROPAGATION(X) X(CUDNN_NOT_PROPAGATE_NAN, 0) X(CUDNN_PROPAGATE_NAN, 1)
typedef enum { VITRINE_CUDNN_NAN_PROPAGATION(VITRINE_ENUMERATOR) } cudnnNanPropagation_t;

#define VITRINE_CUDNN_POOLING_MODE(X)                 \
    X(CUDNN_POOLING_MAX, 0)                           \
    X(CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING, 1) \
    X(CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING, 2) \
    X(CUDNN_POOLING_MAX_DETERMINISTIC, 3)
typedef enum { VITRINE_CUDNN_POOLING_MODE(VITRINE_ENUMERATOR) } cudnnPoolingMode_t;

#define VITRINE_CUDNN_BATCH_NORM_MODE(X) \
    X(CUDNN_BATCHNORM_PER_ACTIVATION, 0) \
    X(CUDNN_BATCHNORM_SPATIAL, 1)        \
    X(CUDNN_BATCHNORM_SPATIAL_PERSISTENT, 2)
typedef enum { VITRINE_CUDNN_BATCH_NORM_MODE(VITRINE_ENUMERATOR) } cudnnBatchNormMode_t;

#define VITRINE_CUDNN_FWD_ALGO(X)                          \
    X(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, 0)         \
    X(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, 1) \
    X(CUDNN_CONVOLUTION_FWD_ALGO_GEMM, 2)                  \
    X(CUDNN_CONVOLUTION_FWD_ALGO_DIRECT, 3)                \
    X(CUDNN_CONVOLUTION_FWD_ALGO_FFT, 4)                   \
    X(CUDNN_CONVOLUTION_FWD_ALGO_FFT_TILING, 5)            \
    X(CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD, 6)              \
    X(CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED, 7)     \
    X(CUDNN_CONVOLUTION_FWD_ALGO_COUNT, 8)
typedef enum { VITRINE_CUDNN_FWD_ALGO(VITRINE_ENUMERATOR) } cudnnConvolutionFwdAlgo_t;

#define VITRINE_CUDNN_BWD_DATA_ALGO(X)                      \
    X(CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, 0)                 \
    X(CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, 1)                 \
    X(CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT, 2)               \
    X(CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT_TILING, 3)        \
    X(CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD, 4)          \
    X(CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD_NONFUSED, 5) \
    X(CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT, 6)
typedef enum { VITRINE_CUDNN_BWD_DATA_ALGO(VITRINE_ENUMERATOR) } cudnnConvolutionBwdDataAlgo_t;

#define VITRINE_CUDNN_BWD_FILTER_ALGO(X)                      \
    X(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, 0)                 \
    X(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, 1)                 \
    X(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT, 2)               \
    X(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3, 3)                 \
    X(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD, 4)          \
    X(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED, 5) \
    X(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT_TILING, 6)        \
    X(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT, 7)
typedef enum { VITRINE_CUDNN_BWD_FILTER_ALGO(VITRINE_ENUMERATOR) } cudnnConvolutionBwdFilterAlgo_t;

#define VITRINE_CUDNN_TYPES(X) VITRINE_CUDNN_STATUS(X) VITRINE_CUDNN_DATA_TYPE(X)
#define VITRINE_CUDNN_WAYS(X) VITRINE_CUDNN_MATH_TYPE(X) VITRINE_CUDNN_DETERMINISM(X)
#define VITRINE_CUDNN_FORMATS(X) VITRINE_CUDNN_TENSOR_FORMAT(X) VITRINE_CUDNN_CONVOLUTION_MODE(X)
#define VITRINE_CUDNN_POOLING(X) VITRINE_CUDNN_NAN_PROPAGATION(X) VITRINE_CUDNN_POOLING_MODE(X)
#define VITRINE_CUDNN_NORMS(X) VITRINE_CUDNN_BATCH_NORM_MODE(X) VITRINE_CUDNN_FWD_ALGO(X)
#define VITRINE_CUDNN_GRADIENTS(X) VITRINE_CUDNN_BWD_DATA_ALGO(X) VITRINE_CUDNN_BWD_FILTER_ALGO(X)

#define VITRINE_ALGO_PERF(Direction)                             \
    typedef struct cudnnConvolution##Direction##AlgoPerfStruct { \
        cudnnConvolution##Direction##Algo_t algo;                \
        cudnnStatus_t status;                                    \
        float time;                                              \
        size_t memory;                                           \
        cudnnDeterminism_t determinism;                          \
        cudnnMathType_t mathType;                                \
        int reserved[3];                                         \
    } cudnnConvolution##Direction##AlgoPerf_t;
VITRINE_ALGO_PERF(Fwd)
VITRINE_ALGO_PERF(BwdData)
VITRINE_ALGO_PERF(BwdFilter)
#undef VITRINE_ALGO_PERF

VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnCreate(cudnnHandle_t* handle);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream);
VITRINE_STAND_IN_FUNCTION size_t cudnnGetVersion(void);
VITRINE_STAND_IN_FUNCTION const char* cudnnGetErrorString(cudnnStatus_t status);
VITRINE_STAND_IN_FUNCTION void cudnnGetLastErrorString(char* message, size_t max_size);

VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* descriptor);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t descriptor,
                                                                   cudnnTensorFormat_t format,
                                                                   cudnnDataType_t type, int n, int c, int h,
                                                                   int w);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* descriptor);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t descriptor,
                                                                   cudnnDataType_t type,
                                                                   cudnnTensorFormat_t format, int k, int c,
                                                                   int h, int w);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t
cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* descriptor);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnSetConvolution2dDescriptor(
    cudnnConvolutionDescriptor_t descriptor, int pad_h, int pad_w, int stride_h, int stride_w, int dilation_h,
    int dilation_w, cudnnConvolutionMode_t mode, cudnnDataType_t compute_type);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t descriptor,
                                                                      int groups);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t descriptor,
                                                                    cudnnMathType_t math);

VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnFilterDescriptor_t w,
    const cudnnConvolutionDescriptor_t convolution, const cudnnTensorDescriptor_t y, const int requested,
    int* returned, cudnnConvolutionFwdAlgoPerf_t* results);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t handle, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t convolution, const cudnnTensorDescriptor_t dx, const int requested,
    int* returned, cudnnConvolutionBwdDataAlgoPerf_t* results);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t convolution, const cudnnFilterDescriptor_t dw, const int requested,
    int* returned, cudnnConvolutionBwdFilterAlgoPerf_t* results);

VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnFilterDescriptor_t w,
    const cudnnConvolutionDescriptor_t convolution, const cudnnTensorDescriptor_t y,
    cudnnConvolutionFwdAlgo_t algorithm, size_t* bytes);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(
    cudnnHandle_t handle, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t convolution, const cudnnTensorDescriptor_t dx,
    cudnnConvolutionBwdDataAlgo_t algorithm, size_t* bytes);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t convolution, const cudnnFilterDescriptor_t dw,
    cudnnConvolutionBwdFilterAlgo_t algorithm, size_t* bytes);

VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnConvolutionForward(
    cudnnHandle_t handle, const void* alpha, const cudnnTensorDescriptor_t x_descriptor, const void* x,
    const cudnnFilterDescriptor_t w_descriptor, const void* w, const cudnnConvolutionDescriptor_t convolution,
    cudnnConvolutionFwdAlgo_t algorithm, void* workspace, size_t workspace_bytes, const void* beta,
    const cudnnTensorDescriptor_t y_descriptor, void* y);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnConvolutionBackwardData(
    cudnnHandle_t handle, const void* alpha, const cudnnFilterDescriptor_t w_descriptor, const void* w,
    const cudnnTensorDescriptor_t dy_descriptor, const void* dy,
    const cudnnConvolutionDescriptor_t convolution, cudnnConvolutionBwdDataAlgo_t algorithm, void* workspace,
    size_t workspace_bytes, const void* beta, const cudnnTensorDescriptor_t dx_descriptor, void* dx);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnConvolutionBackwardFilter(
    cudnnHandle_t handle, const void* alpha, const cudnnTensorDescriptor_t x_descriptor, const void* x,
    const cudnnTensorDescriptor_t dy_descriptor, const void* dy,
    const cudnnConvolutionDescriptor_t convolution, cudnnConvolutionBwdFilterAlgo_t algorithm,
    void* workspace, size_t workspace_bytes, const void* beta, const cudnnFilterDescriptor_t dw_descriptor,
    void* dw);

VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnBatchNormalizationForwardTraining(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void* alpha, const void* beta,
    const cudnnTensorDescriptor_t x_descriptor, const void* x, const cudnnTensorDescriptor_t y_descriptor,
    void* y, const cudnnTensorDescriptor_t channels, const void* scale, const void* bias, double factor,
    void* running_mean, void* running_variance, double epsilon, void* saved_mean,
    void* saved_inverse_deviation);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnBatchNormalizationBackward(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void* alpha_data, const void* beta_data,
    const void* alpha_parameters, const void* beta_parameters, const cudnnTensorDescriptor_t x_descriptor,
    const void* x, const cudnnTensorDescriptor_t dy_descriptor, const void* dy,
    const cudnnTensorDescriptor_t dx_descriptor, void* dx, const cudnnTensorDescriptor_t channels,
    const void* scale, void* d_scale, void* d_bias, double epsilon, const void* saved_mean,
    const void* saved_inverse_deviation);

VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnCreatePoolingDescriptor(cudnnPoolingDescriptor_t* descriptor);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnSetPooling2dDescriptor(cudnnPoolingDescriptor_t descriptor,
                                                                    cudnnPoolingMode_t mode,
                                                                    cudnnNanPropagation_t nan, int window_h,
                                                                    int window_w, int pad_h, int pad_w,
                                                                    int stride_h, int stride_w);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t
cudnnPoolingForward(cudnnHandle_t handle, const cudnnPoolingDescriptor_t pooling, const void* alpha,
                    const cudnnTensorDescriptor_t x_descriptor, const void* x, const void* beta,
                    const cudnnTensorDescriptor_t y_descriptor, void* y);
VITRINE_STAND_IN_FUNCTION cudnnStatus_t cudnnPoolingBackward(
    cudnnHandle_t handle, const cudnnPoolingDescriptor_t pooling, const void* alpha,
    const cudnnTensorDescriptor_t y_descriptor, const void* y, const cudnnTensorDescriptor_t dy_descriptor,
    const void* dy, const cudnnTensorDescriptor_t x_descriptor, const void* x, const void* beta,
    const cudnnTensorDescriptor_t dx_descriptor, void* dx);
