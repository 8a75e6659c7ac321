// Dense convolution as the formula says it, thread by thread: any kernel, stride, padding and groups. See
// dense_conv_direct.cu.
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

/// One thread an element of y.
void dense_forward_direct(const ConvForward& args, Context& context);

/// One thread an element of x and one an element of the weight, which loops over all pixels.
void dense_backward_direct(const ConvBackward& args, Context& context);

/// The same, but for d_weight a thread for each element and chunk of pixels.
void dense_backward_direct_chunks(const ConvBackward& args, Context& context);

}  // namespace vitrine::VITRINE_GPU
