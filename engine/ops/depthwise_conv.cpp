// Depthwise convolution: every channel has a filter of its own.

#include "engine/autograd.h"
#include "engine/ops/conv.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Tensor depthwise_conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options) {
    require_rank(x, 4, "depthwise_conv");
    const Shape& w = weight.shape();
    require(w.rank() == 3 && w[2] == x.shape()[3], "depthwise_conv", "weight {} for an input {}",
            w.to_string(), x.shape().to_string());
    const ConvOptions per_channel{.stride = options.stride, .padding = options.padding, .groups = w[2]};
    const ConvShape shape = conv_shape("depthwise_conv", x, w[2], {w[0], w[1]}, per_channel);
    Tensor y = conv_output(shape, x);
    kernels(x.device()).depthwise_conv_forward(conv_forward(shape, x, weight, bias, y));
    record("depthwise_conv", {x, weight, bias}, y,
           [saved = ConvSaved(shape, x, weight, bias)](const Tensor& d_y) {
               kernels(d_y.device()).depthwise_conv_backward(saved.arguments(d_y));
           });
    return y;
}

}  // namespace vitrine::ops
