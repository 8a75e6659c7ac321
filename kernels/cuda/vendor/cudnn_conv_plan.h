// How cuDNN will run a convolution of one shape in one direction: its descriptors and the algorithm it takes.
#pragma once

#include "kernels/cuda/vendor/plans.h"

namespace vitrine::VITRINE_GPU::vendor {

enum class Direction : unsigned char { forward, input_gradient, weight_gradient };

struct ConvPlan {
    cudnnTensorDescriptor_t x = nullptr;
    cudnnTensorDescriptor_t y = nullptr;
    cudnnFilterDescriptor_t weight = nullptr;  // [out, kernel_height, kernel_width, in / groups]
    cudnnConvolutionDescriptor_t convolution = nullptr;
    int algorithm = 0;  // of the enumeration of its direction
    size_t workspace_bytes = 0;
    std::string refusal;
};

/// The plan of this shape, none of whose tensors is empty or larger than an int can count.
const ConvPlan& conv_plan(const ConvShape& shape, DType dtype, Direction direction);

}  // namespace vitrine::VITRINE_GPU::vendor
