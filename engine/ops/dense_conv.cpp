// Dense convolution: every output channel sees every input channel of its group.

#include "engine/autograd.h"
#include "engine/ops/conv.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Tensor dense_conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options) {
    require_rank(x, 4, "dense_conv");
    const Shape& w = weight.shape();
    require(w.rank() == 4 && w[3] * options.groups == x.shape()[3] && w[0] % options.groups == 0,
            "dense_conv", "weight {} and {} groups for an input {}", w.to_string(), options.groups,
            x.shape().to_string());
    const ConvShape shape = conv_shape("dense_conv", x, w[0], {w[1], w[2]}, options);
    Tensor y = conv_output(shape, x);
    kernels(x.device()).dense_conv_forward(conv_forward(shape, x, weight, bias, y));
    record("dense_conv", {x, weight, bias}, y,
           [saved = ConvSaved(shape, x, weight, bias)](const Tensor& d_y) {
               kernels(d_y.device()).dense_conv_backward(saved.arguments(d_y));
           });
    return y;
}

}  // namespace vitrine::ops
