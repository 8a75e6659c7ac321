// Where the expanded convolution (expanded_conv.h) has a kernel that never holds its wide tensor, and where that pays.
#pragma once

#include <cstdint>

#include "kernels/device.h"
#include "kernels/dtype.h"

namespace vitrine {

/// Of a tensor of `channels`, made of `narrow` ones, in rows of `width` pixels, that a 3×3 convolution reads next: whether the
/// device has a kernel for it, and whether a row is long enough. Elsewhere it is the two convolutions one after the other, and
/// the wide tensor is written after all, if only to scratch. Nothing here may depend on the batch's size: the two ways round
/// differently.
bool keeps_expansion_unwritten(Device device, DType dtype, int64_t narrow, int64_t channels, int64_t width);

}  // namespace vitrine
