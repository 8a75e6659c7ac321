// What a step trains on, on the device.
#pragma once

#include "engine/tensor.h"

namespace vitrine {

struct NetworkInput {
    Tensor images;        // [count, height, width, 3] in the placement's dtype, normalised
    Tensor labels;        // [count] i32
    Tensor labels_b;      // [count] i32: of the images mixed in; undefined where nothing was mixed
    double lambda = 1.0;  // of `labels` in the target; the rest is labels_b'
};

}  // namespace vitrine
