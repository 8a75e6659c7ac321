// Both gradients of a pointwise convolution from one pass over d_y, y and x.
#pragma once

#include "kernels/context.h"
#include "kernels/conv.h"

namespace vitrine::cpu {

/// Refuses where one of the two is not wanted, and where the weight is so large beside the pixels that the threads could
/// not each have a part of its gradient.
const char* refuses_pointwise_backward(const ConvBackward& args);
void run_pointwise_backward(const ConvBackward& args, Context& context);

}  // namespace vitrine::cpu
