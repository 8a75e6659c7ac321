// What the three convolution ops share: their arguments differ only in the weight's layout and the kernel
// they call.
#pragma once

#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "kernels/conv.h"

namespace vitrine::ops {

/// The shape of a convolution of x; checks it against the window.
inline ConvShape conv_shape(const char* op, const Tensor& x, int64_t out_channels, Size2 kernel,
                            const ConvOptions& options) {
    require_rank(x, 4, op);
    const ConvShape shape{.batch = x.shape()[0],
                          .in = {x.shape()[1], x.shape()[2]},
                          .in_channels = x.shape()[3],
                          .out_channels = out_channels,
                          .kernel = kernel,
                          .stride = options.stride,
                          .padding = options.padding,
                          .groups = options.groups};
    require(shape.in.height + 2 * shape.padding.height >= kernel.height &&
                shape.in.width + 2 * shape.padding.width >= kernel.width,
            op, "a window of {}x{} does not fit into an image of shape {}", kernel.height, kernel.width,
            x.shape().to_string());
    return shape;
}

inline ConvForward conv_forward(const ConvShape& shape, const Tensor& x, const Tensor& weight,
                                const Tensor& bias, const Tensor& y) {
    if (bias.defined()) require_per_channel(bias, shape.out_channels, "convolution", "bias");
    return {.dtype = x.dtype(),
            .shape = shape,
            .x = x.data(),
            .weight = weight.data(),
            .bias = bias.data(),
            .prologue = {},
            .y = y.data(),
            .epilogue = {}};
}

/// Backward saves x and weight; d_x, d_weight and d_bias are the slots of what forward was given.
struct ConvSaved {
    ConvShape shape;
    Tensor x, weight;
    std::shared_ptr<GradientSlot> d_x, d_weight, d_bias;

    ConvSaved(const ConvShape& of, const Tensor& input, const Tensor& weights, const Tensor& bias)
        : shape(of),
          x(input),
          weight(weights),
          d_x(input.slot()),
          d_weight(weights.slot()),
          d_bias(bias.slot()) {}

    ConvBackward arguments(const Tensor& d_y) const {
        ConvBackward args;
        args.dtype = x.dtype();
        args.shape = shape;
        args.x = x.data();
        args.weight = weight.data();
        args.d_y = d_y.data();
        args.d_x = receive(d_x);
        args.d_weight = receive(d_weight);
        args.d_bias = receive(d_bias);
        return args;
    }
};

inline Tensor conv_output(const ConvShape& shape, const Tensor& x) {
    return Tensor::empty({shape.batch, shape.out().height, shape.out().width, shape.out_channels},
                         x.placement());
}

}  // namespace vitrine::ops
