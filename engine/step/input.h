// What a step trains on, on the device.
#pragma once

#include "engine/augment.h"
#include "engine/tensor.h"

namespace vitrine {

struct NetworkInput {
    Tensor images;        // [count, height, width, 3] in the placement's dtype, normalised
    Tensor labels;        // [count] i32
    Tensor labels_b;      // [count] i32: of the images mixed in; undefined where nothing was mixed
    double lambda = 1.0;  // of `labels` in the target; the rest is labels_b'
};

/// Augments, normalises and mixes u8 images, as plan.programs.places finds them in the tensor. Labels
/// are sent to the device; what comes of it is the same on every device.
NetworkInput make_input(const Tensor& images, const InputPlan& plan, DType dtype);

}  // namespace vitrine
