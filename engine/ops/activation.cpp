// ReLU and ReLU6. Only the output is saved: it tells where the gradient passes.

#include "engine/autograd.h"
#include "engine/ops/ops.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Tensor activation(const Tensor& x, Activation activation) {
    Tensor y = Tensor::like(x);
    kernels(x.device())
        .activation_forward(
            {.dtype = x.dtype(), .activation = activation, .count = x.count(), .x = x.data(), .y = y.data()});
    const Tensor output = y;
    record(name_of(activation), {x}, y, [activation, output, d_x = x.slot()](const Tensor& d_y) {
        kernels(d_y.device())
            .activation_backward({.dtype = d_y.dtype(),
                                  .activation = activation,
                                  .count = d_y.count(),
                                  .y = output.data(),
                                  .d_y = d_y.data(),
                                  .d_x = receive(d_x)});
    });
    return y;
}

}  // namespace vitrine::ops
