// Convolution: dense, depthwise and pointwise, told apart by the shape of the weight.
//
// Backward saves x and the weight, and where the moments of y have gradients, y and its mean.

#include "engine/ops/conv.h"

namespace vitrine::ops {
namespace {

/// A kind of convolution: its name, and the kernels that compute it.
struct Kind {
    const char* op;
    BoundKernel<ConvForward> KernelTable::*forward;
    BoundKernel<ConvBackward> KernelTable::*backward;
};

const Kind& kind_of(const Shape& weight) {
    static constexpr Kind pointwise{"pointwise_conv", &KernelTable::pointwise_conv_forward,
                                    &KernelTable::pointwise_conv_backward};
    static constexpr Kind depthwise{"depthwise_conv", &KernelTable::depthwise_conv_forward,
                                    &KernelTable::depthwise_conv_backward};
    static constexpr Kind dense{"dense_conv", &KernelTable::dense_conv_forward,
                                &KernelTable::dense_conv_backward};
    require(weight.rank() >= 2 && weight.rank() <= 4, "conv", "a weight of shape {}", weight.to_string());
    return weight.rank() == 2 ? pointwise : weight.rank() == 3 ? depthwise : dense;
}

/// Whether the input need not be written.
bool reads_unwritten(const Pending& x, const Tensor& weight, const Tensor& bias) {
    return !x.written() && !x.residual.x.defined() && weight.shape().rank() == 3 && !bias.defined();
}

}  // namespace

Pending conv(const Pending& input, const Tensor& weight, const Tensor& bias, const ConvOptions& options,
             const BatchNorm* next) {
    if (reads_unwritten(input, weight, bias)) return expanded_conv(input, weight, options, next);
    const Pending in = input.residual.x.defined() ? Pending(resolve(input)) : write(input);
    const auto& [x, scale, shift] = in.value;
    const Kind& kind = kind_of(weight.shape());
    const ConvShape shape = conv_shape(kind.op, x.shape(), weight.shape(), options);
    if (bias.defined()) require_per_channel(bias, shape.out_channels, kind.op, "bias");

    Pending output = empty_output(shape, options.moments, x.placement());
    const NextNorm norm = next_norm(next, output);
    (kernels(x.device()).*kind.forward)({.dtype = x.dtype(),
                                         .shape = shape,
                                         .x = x.data(),
                                         .weight = weight.data(),
                                         .bias = bias.data(),
                                         .prologue = prologue_of(in),
                                         .y = output.value.x.data(),
                                         .epilogue = {output.moments.mean.data(), output.moments.m2.data()}},
                                        norm.behind());

    const auto backward = [&kind, shape, in, weight, saved = SavedOutput(output),
                           d_bias = bias.slot()](std::span<const Tensor> gradients) {
        ConvBackward args;
        const Tensor d_y = saved.put(gradients, args);
        args.shape = shape;
        args.x = in.value.x.data();
        args.weight = weight.data();
        args.prologue = prologue_of(in);
        args.d_x = receive(in.value.x.slot());
        args.d_weight = receive(weight.slot());
        args.d_bias = receive(d_bias);
        args.d_scale = receive(in.value.scale.slot());
        args.d_shift = receive(in.value.shift.slot());
        FinishedNorms norms;
        norms.add(in.value.scale, in.value.shift);
        (kernels(d_y.device()).*kind.backward)(args, norms.behind());
    };
    record_conv(kind.op, {x, weight, bias, scale, shift}, output, backward,
                TracedConv{options, in.activation});
    return output;
}

}  // namespace vitrine::ops
