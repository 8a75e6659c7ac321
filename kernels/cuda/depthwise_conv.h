// The passes of a depthwise convolution. depthwise_conv.cu puts them together.
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

/// What the fast kernels walk over: 3×3 and 5×5, stride 1 and 2, tensors of less than 2^31 elements. Null, or
/// the reason why not.
const char* refuses_walking(const ConvShape& shape);

/// Whether every row of channels can be loaded 16 bytes at a time. In 16-bit types the fast kernels walk no others.
bool walks_in_packs(const ConvForward& args);
bool walks_in_packs(const ConvBackward& args);

/// y and the epilogue's statistics.
void depthwise_forward_rows(const ConvForward& args, Context& context);

/// All gradients but d_bias, in one walk.
void depthwise_backward_rows(const ConvBackward& args, Context& context);

/// y, one thread for 16 bytes where alignment allows; then the statistics in a pass over y.
void depthwise_forward_gather(const ConvForward& args, Context& context);

/// All gradients but d_bias: d_a alike, d_weight by chunks of rows.
void depthwise_backward_gather(const ConvBackward& args, Context& context);

/// The same with one thread an element, and one a weight.
void depthwise_forward_direct(const ConvForward& args, Context& context);
void depthwise_backward_direct(const ConvBackward& args, Context& context);

}  // namespace vitrine::VITRINE_GPU
