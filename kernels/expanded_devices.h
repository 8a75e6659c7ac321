// Where the expanded convolution (expanded_conv.h) has a kernel that never holds its wide tensor.
#pragma once

#include "kernels/device.h"
#include "kernels/dtype.h"

namespace vitrine {

/// Elsewhere it is the two convolutions one after the other, and the wide tensor is written after all, if only to scratch. Of
/// bf16 it takes a processor with tile registers.
bool keeps_expansions_unwritten(Device device, DType dtype);

}  // namespace vitrine
