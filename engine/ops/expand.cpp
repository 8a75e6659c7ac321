// A pointwise convolution whose output is not written: what is left of it is its input, its weight, and the moments of what it
// would be, which a batch norm needs (kernels/expanded_conv.h). Where it must be whole after all, it is written here.
//
// The moments' backward saves the input, the weight, and the input's own moments.

#include <memory>

#include "engine/ops/conv.h"
#include "kernels/expanded_devices.h"

namespace vitrine::ops {
namespace {

Moments expansion_moments(const Pending& x, const Tensor& weight, Tensor& wide_gradient) {
    const Tensor& in = x.value.x;
    const int64_t narrow = weight.shape()[1], channels = weight.shape()[0], pixels = in.count() / narrow;
    const Placement placement = in.placement().accumulated();
    Moments moments{Tensor::empty({channels}, placement), Tensor::empty({channels}, placement)};
    const Tensor centre = Tensor::empty({narrow}, placement),
                 scatter = Tensor::empty({narrow, narrow}, placement);
    kernels(in.device())
        .expansion_moments_forward({.dtype = in.dtype(),
                                    .pixels = pixels,
                                    .narrow = narrow,
                                    .channels = channels,
                                    .x = in.data(),
                                    .prologue = prologue_of(x),
                                    .expansion = weight.data(),
                                    .mean = moments.mean.data(),
                                    .m2 = moments.m2.data(),
                                    .centre = centre.data(),
                                    .scatter = scatter.data()});
    const auto backward = [x, weight, centre, scatter, pixels, narrow, channels,
                           placement](std::span<const Tensor> gradients) {
        const auto or_zeros = [&](const Tensor& d) {
            return d.defined() ? d : Tensor::zeros({channels}, placement);
        };
        const Tensor d_mean = or_zeros(gradients[0]), d_m2 = or_zeros(gradients[1]);
        kernels(x.value.x.device())
            .expansion_moments_backward({.dtype = x.value.x.dtype(),
                                         .pixels = pixels,
                                         .narrow = narrow,
                                         .channels = channels,
                                         .x = x.value.x.data(),
                                         .prologue = prologue_of(x),
                                         .expansion = weight.data(),
                                         .centre = centre.data(),
                                         .scatter = scatter.data(),
                                         .d_mean = d_mean.data(),
                                         .d_m2 = d_m2.data(),
                                         .d_x_so_far = gradients.size() > 2 ? gradients[2].data() : nullptr,
                                         .d_x = receive(x.value.x.slot()),
                                         .d_scale = receive(x.value.scale.slot()),
                                         .d_shift = receive(x.value.shift.slot()),
                                         .d_expansion = receive(weight.slot())});
    };
    constexpr const char* op = "expansion_moments";
    const Tensor &scale = x.value.scale, &shift = x.value.shift;
    if (is_half(in.dtype()) && in.requires_gradient()) {
        wide_gradient = Tensor::of_gradient(in.shape(), placement);
        record_outputs(op, {in, weight, scale, shift}, {moments.mean, moments.m2, wide_gradient}, backward,
                       x.activation);
    } else {
        record_outputs(op, {in, weight, scale, shift}, {moments.mean, moments.m2}, backward, x.activation);
    }
    return moments;
}

}  // namespace

bool expand_pays(const Pending& x, const Shape& weight) {
    const Tensor& any = x.written() ? x.value.x : x.expansion->weight;
    return x.shape().rank() == 4 && is_clamp(x.activation) &&
           keeps_expansion_unwritten(any.device(), any.dtype(), weight[1], weight[0], x.shape()[2]);
}

Pending expand(const Pending& x, const Tensor& weight, bool moments) {
    constexpr const char* op = "expand";
    require(weight.shape().rank() == 2, op, "a weight of shape {}", weight.shape().to_string());
    const ConvShape shape = conv_shape(op, x.shape(), weight.shape(), {});
    const bool is_read = x.written() && !x.residual.x.defined() && is_clamp(x.activation);
    const Pending narrow = is_read ? x : Pending(resolve(x));
    Pending unwritten{AffineTensor{}};
    Expansion expansion{narrow, weight, {shape.batch, shape.in.height, shape.in.width, shape.out_channels}};
    if (moments) unwritten.moments = expansion_moments(narrow, weight, expansion.wide_gradient);
    unwritten.expansion = std::make_shared<const Expansion>(std::move(expansion));
    return unwritten;
}

Pending write(const Pending& x) {
    if (x.written()) return x;
    Pending written = x;
    written.expansion = nullptr;
    written.value.x = conv(x.expansion->narrow, x.expansion->weight, Tensor()).value.x;
    return written;
}

}  // namespace vitrine::ops
