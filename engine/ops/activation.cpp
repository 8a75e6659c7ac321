// Activations. A clamp saves its output, which tells where the gradient passes; every other one saves its input.

#include "engine/autograd.h"
#include "engine/ops/ops.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Tensor activation(const Tensor& x, Activation activation) {
    Tensor y = Tensor::like(x);
    kernels(x.device())
        .activation_forward(
            {.dtype = x.dtype(), .activation = activation, .count = x.count(), .x = x.data(), .y = y.data()});
    const Tensor saved = is_clamp(activation) ? y : x;
    record(
        name_of(activation), {x}, y,
        [activation, saved, d_x = x.slot()](const Tensor& d_y) {
            kernels(d_y.device())
                .activation_backward({.dtype = d_y.dtype(),
                                      .activation = activation,
                                      .count = d_y.count(),
                                      .y = is_clamp(activation) ? saved.data() : nullptr,
                                      .x = is_clamp(activation) ? nullptr : saved.data(),
                                      .d_y = d_y.data(),
                                      .d_x = receive(d_x)});
        },
        activation);
    return y;
}

}  // namespace vitrine::ops
