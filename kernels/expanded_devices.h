// Where the expanded convolution (expanded_conv.h) has a kernel that never holds its wide tensor.
#pragma once

#include "kernels/device.h"

namespace vitrine {

/// Elsewhere it is the two convolutions one after the other, and the wide tensor is written after all, if only to scratch.
constexpr bool keeps_expansions_unwritten(Device device) { return device == Device::cpu; }

}  // namespace vitrine
