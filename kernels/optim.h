// The update of stochastic gradient descent, for all parameters in one call.
//
//     g = gradient + weight_decay · value
//     b = g in the first step, else momentum · b + (1 − dampening) · g
//     g = g + momentum · b if nesterov, else b          (only with momentum)
//     value −= learning_rate · g
//
// As torch.optim.SGD: the learning rate is not part of the buffer, and the first step takes no dampening.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/dtype.h"

namespace vitrine {

struct SgdParameter {
    int64_t count = 0;
    const void* gradient = nullptr;
    void* value = nullptr;
    void* momentum_buffer = nullptr;  // null exactly when momentum is 0
};

struct SgdUpdate {
    DType dtype = DType::f32;
    std::span<const SgdParameter> parameters;
    double learning_rate = 0.0;
    double momentum = 0.0;
    double dampening = 0.0;
    double weight_decay = 0.0;
    bool nesterov = false;
    bool first_step = false;  // the momentum buffers hold nothing yet
};

}  // namespace vitrine
