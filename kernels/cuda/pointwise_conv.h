// The matrix products of pointwise convolution: see pointwise_conv.cu.
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

/// Loads in packs of 16 bytes, where channels and pointers allow it.
const char* refuses_pointwise_packs(const ConvForward& args);
const char* refuses_pointwise_packs(const ConvBackward& args);
void pointwise_forward_packs(const ConvForward& args, Context& context);
void pointwise_backward_packs(const ConvBackward& args, Context& context);

/// Single loads: any channels.
const char* refuses_pointwise_singles(const ConvForward& args);
const char* refuses_pointwise_singles(const ConvBackward& args);
void pointwise_forward_singles(const ConvForward& args, Context& context);
void pointwise_backward_singles(const ConvBackward& args, Context& context);

}  // namespace vitrine::VITRINE_GPU
