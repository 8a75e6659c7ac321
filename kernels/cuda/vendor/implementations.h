// The libraries' implementations, by kernel: what fallbacks.cu puts into lists.
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

// cudnn_batch_norm.cu
const char* cudnn_refuses_batch_norm_forward(const BatchNormForward& args);
const char* cudnn_refuses_batch_norm_backward(const BatchNormBackward& args);
void cudnn_batch_norm_forward(const BatchNormForward& args, Context& context);
void cudnn_batch_norm_backward(const BatchNormBackward& args, Context& context);

// cudnn_pool.cu
const char* cudnn_refuses_average_pool_forward(const AveragePoolForward& args);
const char* cudnn_refuses_average_pool_backward(const AveragePoolBackward& args);
const char* cudnn_refuses_global_average_pool_forward(const GlobalAveragePoolForward& args);
const char* cudnn_refuses_global_average_pool_backward(const GlobalAveragePoolBackward& args);
const char* cudnn_refuses_max_pool_forward(const MaxPoolForward& args);
const char* cudnn_refuses_max_pool_backward(const MaxPoolBackward& args);
void cudnn_average_pool_forward(const AveragePoolForward& args, Context& context);
void cudnn_average_pool_backward(const AveragePoolBackward& args, Context& context);
void cudnn_global_average_pool_forward(const GlobalAveragePoolForward& args, Context& context);
void cudnn_global_average_pool_backward(const GlobalAveragePoolBackward& args, Context& context);
void cudnn_max_pool_forward(const MaxPoolForward& args, Context& context);
void cudnn_max_pool_backward(const MaxPoolBackward& args, Context& context);

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
