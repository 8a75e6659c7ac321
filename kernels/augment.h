// From u8 images to the network's input.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/dtype.h"

namespace vitrine {

/// y = (images / 255 − mean_c) / deviation_c, in dtype: torchvision's ToTensor and Normalize, layout NHWC
/// kept.
struct NormalizeImages {
    DType dtype = DType::f32;
    int64_t pixels = 0;               // batch · height · width
    const uint8_t* images = nullptr;  // [pixels, 3]
    std::array<double, 3> mean{0, 0, 0};
    std::array<double, 3> deviation{1, 1, 1};
    void* y = nullptr;  // [pixels, 3]
};

}  // namespace vitrine
