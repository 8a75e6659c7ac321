// Convolution: dense, depthwise and pointwise, told apart by the shape of the weight.
//
// Backward saves x and the weight, and where the moments of y have gradients, y and its mean.

#include "engine/autograd.h"
#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "kernels/kernels.h"

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

/// The shape of a convolution of x [N, H, W, C]; checks weight and window against it.
ConvShape conv_shape(const char* op, const Shape& x, const Shape& weight, const ConvOptions& options) {
    require(x.rank() == 4, op, "input of shape {}, but 4 axes are needed", x.to_string());
    const size_t rank = weight.rank();
    ConvShape shape{.batch = x[0],
                    .in = {x[1], x[2]},
                    .in_channels = x[3],
                    .out_channels = weight[rank == 3 ? 2 : 0],
                    .kernel = {1, 1},
                    .stride = options.stride,
                    .padding = options.padding,
                    .groups = rank == 3 ? weight[2] : options.groups};
    if (rank == 3) shape.kernel = {weight[0], weight[1]};
    if (rank == 4) shape.kernel = {weight[1], weight[2]};
    const bool fits =
        rank == 3 ? weight[2] == x[3] : weight[-1] * shape.groups == x[3] && weight[0] % shape.groups == 0;
    require(fits, op, "weight {} and {} groups for an input {}", weight.to_string(), shape.groups,
            x.to_string());
    require(rank != 2 || (shape.stride == Size2{} && shape.padding == Size2{0, 0} && shape.groups == 1), op,
            "a weight {} knows neither stride nor padding nor groups", weight.to_string());
    require(shape.in.height + 2 * shape.padding.height >= shape.kernel.height &&
                shape.in.width + 2 * shape.padding.width >= shape.kernel.width,
            op, "a window of {}x{} does not fit into an image of shape {}", shape.kernel.height,
            shape.kernel.width, x.to_string());
    return shape;
}

Prologue prologue_of(const Pending& x) { return {x.value.scale.data(), x.value.shift.data(), x.activation}; }

}  // namespace

Pending conv(const Pending& input, const Tensor& weight, const Tensor& bias, const ConvOptions& options) {
    const Pending in = input.residual.x.defined() ? Pending(resolve(input)) : input;
    const auto& [x, scale, shift] = in.value;
    const Kind& kind = kind_of(weight.shape());
    const ConvShape shape = conv_shape(kind.op, x.shape(), weight.shape(), options);
    if (bias.defined()) require_per_channel(bias, shape.out_channels, kind.op, "bias");

    Tensor y = Tensor::empty({shape.batch, shape.out().height, shape.out().width, shape.out_channels},
                             x.placement());
    Moments moments;
    if (options.moments) {
        moments.mean = Tensor::empty({shape.out_channels}, x.placement().accumulated());
        moments.m2 = Tensor::like(moments.mean);
    }
    (kernels(x.device()).*kind.forward)({.dtype = x.dtype(),
                                         .shape = shape,
                                         .x = x.data(),
                                         .weight = weight.data(),
                                         .bias = bias.data(),
                                         .prologue = prologue_of(in),
                                         .y = y.data(),
                                         .epilogue = {moments.mean.data(), moments.m2.data()}});

    const Tensor saved_y = moments.defined() ? y : Tensor();
    const auto backward = [&kind, shape, in, weight, y = saved_y, mean = moments.mean,
                           d_bias = bias.slot()](std::span<const Tensor> gradients) {
        const Tensor d_y = gradients[0].defined() ? gradients[0] : Tensor::zeros(y.shape(), y.placement());
        ConvBackward args;
        args.dtype = d_y.dtype();
        args.shape = shape;
        args.x = in.value.x.data();
        args.weight = weight.data();
        args.prologue = prologue_of(in);
        args.d_y = d_y.data();
        if (gradients.size() > 1 && (gradients[1].defined() || gradients[2].defined())) {
            args.y = y.data();
            args.mean = mean.data();
            args.d_mean = gradients[1].data();
            args.d_m2 = gradients[2].data();
        }
        args.d_x = receive(in.value.x.slot());
        args.d_weight = receive(weight.slot());
        args.d_bias = receive(d_bias);
        args.d_scale = receive(in.value.scale.slot());
        args.d_shift = receive(in.value.shift.slot());
        (kernels(d_y.device()).*kind.backward)(args);
    };
    const TracedConv traced{options, in.activation};
    if (moments.defined()) {
        record_outputs(kind.op, {x, weight, bias, scale, shift}, {y, moments.mean, moments.m2}, backward,
                       traced);
    } else {
        record_outputs(kind.op, {x, weight, bias, scale, shift}, {y}, backward, traced);
    }
    Pending result(y);
    result.moments = moments;
    return result;
}

}  // namespace vitrine::ops
