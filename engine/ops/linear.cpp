// The linear layer.

#include "engine/autograd.h"
#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
    require_rank(x, 2, "linear");
    require(weight.shape().rank() == 2 && weight.shape()[1] == x.shape()[1], "linear",
            "weight {} for an input {}", weight.shape().to_string(), x.shape().to_string());
    const int64_t rows = x.shape()[0], in_features = x.shape()[1], out_features = weight.shape()[0];
    if (bias.defined()) require_per_channel(bias, out_features, "linear", "bias");

    Tensor y = Tensor::empty({rows, out_features}, x.placement());
    kernels(x.device())
        .linear_forward({.dtype = x.dtype(),
                         .rows = rows,
                         .in_features = in_features,
                         .out_features = out_features,
                         .x = x.data(),
                         .weight = weight.data(),
                         .bias = bias.data(),
                         .y = y.data()});
    record("linear", {x, weight, bias}, y,
           [x, weight, rows, in_features, out_features, d_x = x.slot(), d_weight = weight.slot(),
            d_bias = bias.slot()](const Tensor& d_y) {
               kernels(d_y.device())
                   .linear_backward({.dtype = d_y.dtype(),
                                     .rows = rows,
                                     .in_features = in_features,
                                     .out_features = out_features,
                                     .x = x.data(),
                                     .weight = weight.data(),
                                     .d_y = d_y.data(),
                                     .d_x = receive(d_x),
                                     .d_weight = receive(d_weight),
                                     .d_bias = receive(d_bias)});
           });
    return y;
}

}  // namespace vitrine::ops
