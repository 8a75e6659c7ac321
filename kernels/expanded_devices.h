// Where the expanded convolution (expanded_conv.h) has a kernel that never holds its wide tensor, and where that pays.
#pragma once

#include "kernels/device.h"
#include "kernels/dtype.h"
#include "kernels/expanded_conv.h"

namespace vitrine {

/// Of what this convolution makes, of pixels or of windows, and a 3×3 convolution reads next: whether the device has a kernel
/// for it, and whether a row is long enough. Elsewhere it is the two convolutions one after the other, and the wide tensor is
/// written after all, if only to scratch. Nothing here may depend on the batch's size: the two ways round
/// differently.
bool keeps_expansion_unwritten(Device device, DType dtype, const ConvShape& expansion,
                               const InputWindows& windows);

}  // namespace vitrine
