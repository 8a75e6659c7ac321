// Which functions of the libraries are used: names alone, for whoever has their declarations.
#pragma once

#define VITRINE_CUDNN_FUNCTIONS(FUNCTION)                    \
    FUNCTION(cudnnCreate)                                    \
    FUNCTION(cudnnSetStream)                                 \
    FUNCTION(cudnnGetVersion)                                \
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
    FUNCTION(cudnnConvolutionBackwardFilter)                 \
    FUNCTION(cudnnBatchNormalizationForwardTraining)         \
    FUNCTION(cudnnBatchNormalizationBackward)                \
    FUNCTION(cudnnCreatePoolingDescriptor)                   \
    FUNCTION(cudnnSetPooling2dDescriptor)                    \
    FUNCTION(cudnnPoolingForward)                            \
    FUNCTION(cudnnPoolingBackward)

#define VITRINE_CUBLAS_FUNCTIONS(FUNCTION) \
    FUNCTION(cublasCreate_v2)              \
    FUNCTION(cublasGetVersion_v2)          \
    FUNCTION(cublasSetStream_v2)           \
    FUNCTION(cublasSetMathMode)            \
    FUNCTION(cublasSetWorkspace_v2)        \
    FUNCTION(cublasGetStatusString)        \
    FUNCTION(cublasSgemm_v2)               \
    FUNCTION(cublasDgemm_v2)
