// The libraries' implementations, by kernel: what rivals.cu puts into lists.
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU::vendor {

// cudnn_conv.cu. A pointwise convolution is a dense one with a 1 × 1 kernel.
const char* cudnn_refuses_forward(const ConvForward& args);
const char* cudnn_refuses_backward(const ConvBackward& args);
void cudnn_dense_forward(const ConvForward& args, Context& context);
void cudnn_dense_backward(const ConvBackward& args, Context& context);
void cudnn_depthwise_forward(const ConvForward& args, Context& context);
void cudnn_depthwise_backward(const ConvBackward& args, Context& context);

// cublas_products.cu
const char* cublas_refuses_pointwise_forward(const ConvForward& args);
const char* cublas_refuses_pointwise_backward(const ConvBackward& args);
const char* cublas_refuses_linear_forward(const LinearForward& args);
const char* cublas_refuses_linear_backward(const LinearBackward& args);
void cublas_pointwise_forward(const ConvForward& args, Context& context);
void cublas_pointwise_backward(const ConvBackward& args, Context& context);
void cublas_linear_forward(const LinearForward& args, Context& context);
void cublas_linear_backward(const LinearBackward& args, Context& context);

}  // namespace vitrine::VITRINE_GPU::vendor
