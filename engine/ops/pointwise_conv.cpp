// Pointwise convolution: a matrix product over the channels of each pixel.

#include "engine/autograd.h"
#include "engine/ops/conv.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Tensor pointwise_conv(const Tensor& x, const Tensor& weight, const Tensor& bias) {
    require_rank(x, 4, "pointwise_conv");
    const Shape& w = weight.shape();
    require(w.rank() == 2 && w[1] == x.shape()[3], "pointwise_conv", "weight {} for an input {}",
            w.to_string(), x.shape().to_string());
    const ConvShape shape = conv_shape("pointwise_conv", x, w[0], {1, 1}, {});
    Tensor y = conv_output(shape, x);
    kernels(x.device()).pointwise_conv_forward(conv_forward(shape, x, weight, bias, y));
    record("pointwise_conv", {x, weight, bias}, y,
           [saved = ConvSaved(shape, x, weight, bias)](const Tensor& d_y) {
               kernels(d_y.device()).pointwise_conv_backward(saved.arguments(d_y));
           });
    return y;
}

}  // namespace vitrine::ops
