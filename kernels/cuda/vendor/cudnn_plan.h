// How cuDNN will run a convolution of one shape in one direction: its descriptors and the algorithm it takes.
#pragma once

#include <string>

#include "kernels/cuda/vendor/libraries.h"

namespace vitrine::VITRINE_GPU::vendor {

enum class Direction : unsigned char { forward, input_gradient, weight_gradient };

struct CudnnPlan {
    cudnnTensorDescriptor_t x = nullptr;
    cudnnTensorDescriptor_t y = nullptr;
    cudnnFilterDescriptor_t weight = nullptr;  // [out, kernel_height, kernel_width, in / groups]
    cudnnConvolutionDescriptor_t convolution = nullptr;
    int algorithm = 0;  // of the enumeration of its direction
    size_t workspace_bytes = 0;
    std::string refusal;  // why cuDNN cannot run it; empty if it can
};

/// The plan of this shape, made when first asked for and kept.
const CudnnPlan& cudnn_plan(const ConvShape& shape, DType dtype, Direction direction);

}  // namespace vitrine::VITRINE_GPU::vendor
