// Augmentation with several blocks an image: see augment_parts.cu.
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

void augment_parts_of_images(const AugmentImages& args, Context& context);

}  // namespace vitrine::VITRINE_GPU
