// Dense and pointwise convolution as matrix products: any kernel, stride, padding and groups.
#pragma once

#include "kernels/context.h"
#include "kernels/conv.h"

namespace vitrine::cpu {

void gemm_conv_forward(const ConvForward& args, Context& context);
void gemm_conv_backward(const ConvBackward& args, Context& context);

/// The same of bf16, by tile registers.
void amx_conv_forward(const ConvForward& args, Context& context);
void amx_conv_backward(const ConvBackward& args, Context& context);

}  // namespace vitrine::cpu
