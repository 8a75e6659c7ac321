// The expanded convolution by tensor cores, 16-bit values: expanded_conv.cu puts the passes together.
#pragma once

#include "kernels/cuda/gpu.h"
#include "kernels/expanded_conv.h"

namespace vitrine::VITRINE_GPU {

/// Null, or why the tensor cores' kernels cannot run.
const char* refuses_expanded_tiles(const ExpandedConvForward& args);
const char* refuses_expanded_tiles(const ExpandedConvBackward& args);

void expanded_forward_tiles(const ExpandedConvForward& args, Context& context);
void expanded_backward_tiles(const ExpandedConvBackward& args, Context& context);

}  // namespace vitrine::VITRINE_GPU
