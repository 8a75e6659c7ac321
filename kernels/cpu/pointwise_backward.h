// Both gradients of a pointwise convolution from one pass over d_y, y and x.
#pragma once

#include "kernels/context.h"
#include "kernels/conv.h"
#include "kernels/cpu/parallel.h"

namespace vitrine::cpu {

/// Refuses where one of the two is not wanted, and where the weight is so large beside the pixels that the threads could
/// not each have a part of its gradient.
const char* refuses_pointwise_backward(const ConvBackward& args);
void run_pointwise_backward(const ConvBackward& args, Context& context);

/// The same of bf16, by tile registers.
const char* refuses_pointwise_backward_amx(const ConvBackward& args);
void run_pointwise_backward_amx(const ConvBackward& args, Context& context);

/// Chunks whose parts of d_weight together are small beside the tensors that are read.
Chunks pixel_chunks(const ConvShape& shape);
/// With fewer of them the cores of an ordinary machine would wait for each other.
inline constexpr int64_t enough_chunks = 8;

}  // namespace vitrine::cpu
