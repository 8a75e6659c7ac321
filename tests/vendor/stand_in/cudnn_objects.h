// The objects behind the stand-in cuDNN's handles, and what its functions check of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/vendor/stand_in/calls.h"
#include "tests/vendor/stand_in/cudnn.h"

struct cudnnContext {
    bool has_stream = false;
    cudaStream_t stream = nullptr;
};

struct cudnnTensorStruct {
    bool set = false;
    cudnnTensorFormat_t format{};
    cudnnDataType_t type{};
    int64_t n = 0, c = 0, h = 0, w = 0;

    int64_t count() const { return n * c * h * w; }
    int64_t at(int64_t image, int64_t channel, int64_t row, int64_t column) const;
};

struct cudnnFilterStruct {
    bool set = false;
    cudnnDataType_t type{};
    cudnnTensorFormat_t format{};
    int64_t k = 0, c = 0, h = 0, w = 0;

    int64_t count() const { return k * c * h * w; }
    int64_t at(int64_t out, int64_t in, int64_t row, int64_t column) const;
};

struct cudnnConvolutionStruct {
    bool set = false;
    int64_t pad_h = 0, pad_w = 0, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
    cudnnConvolutionMode_t mode{};
    cudnnDataType_t compute_type{};
    int64_t groups = 1;
    cudnnMathType_t math = CUDNN_DEFAULT_MATH;
};

struct cudnnPoolingStruct {
    bool set = false;
    cudnnPoolingMode_t mode{};
    cudnnNanPropagation_t nan{};
    int64_t window_h = 1, window_w = 1, pad_h = 0, pad_w = 0, stride_h = 1, stride_w = 1;
};

namespace vitrine::stand_in {

/// Throws what is wrong unless the condition holds.
void require(bool condition, cudnnStatus_t status, const std::string& sentence);

/// What cuDNN checks of a handle before any work: it is alive, and works on a stream that the program gave
/// it.
void require_ready(cudnnHandle_t handle);

/// A descriptor that was made by this library and described since. (By string_view: compilers warn of a reference that a call with
/// a temporary string gives back.)
const cudnnTensorStruct& described(cudnnTensorDescriptor_t descriptor, std::string_view what);
const cudnnFilterStruct& described(cudnnFilterDescriptor_t descriptor, std::string_view what);
const cudnnConvolutionStruct& described(cudnnConvolutionDescriptor_t descriptor, std::string_view what);
const cudnnPoolingStruct& described(cudnnPoolingDescriptor_t descriptor, std::string_view what);

/// A tensor's memory: of the device, whole, aligned.
void require_tensor(const void* memory, int64_t count, cudnnDataType_t type, const std::string& what);
/// alpha and beta lie in the host's memory.
void require_factors(const void* alpha, const void* beta);
/// An output that cuDNN does not document to share memory with an input.
void require_apart(const void* out, int64_t out_count, const void* in, int64_t in_count, cudnnDataType_t type,
                   const std::string& what);

size_t size_of(cudnnDataType_t type);

/// Calls body.operator()<T>() with float or double; other types are not part of the stand-in.
template <class Body>
void with_type(cudnnDataType_t type, Body body) {
    if (type == CUDNN_DATA_FLOAT) return body.template operator()<float>();
    if (type == CUDNN_DATA_DOUBLE) return body.template operator()<double>();
    throw Wrong{CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, "tensors are of float or double"};
}

}  // namespace vitrine::stand_in
