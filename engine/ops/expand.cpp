// A convolution whose output is not written: what is left of it is its input, its weight, and the moments of what it
// would be, which a batch norm needs (kernels/expanded_conv.h). Where it must be whole after all, it is written here.
//
// The moments' backward saves the input, the weight, and the input's own moments.

#include <memory>

#include "engine/ops/conv.h"
#include "kernels/expanded_devices.h"

namespace vitrine::ops {
namespace {

/// Of a dense convolution.
InputWindows windows_of(const ConvShape& shape, const Shape& weight) {
    if (weight.rank() == 2) return {};
    return {shape.in, shape.in_channels, shape.kernel, shape.stride, shape.padding};
}

bool has_gradient(const Pending& x) { return x.value.x.requires_gradient(); }

Moments expansion_moments(const Expansion& expansion, Tensor& wide_gradient, const BatchNorm* next) {
    const Pending& x = expansion.narrow;
    const Tensor &in = x.value.x, &weight = expansion.weight;
    const int64_t channels = expansion.shape[-1], pixels = expansion.shape.count() / channels,
                  narrow = weight.count() / channels;
    const InputWindows& windows = expansion.windows;
    const Placement placement = in.placement().accumulated();
    Moments moments{Tensor::empty({channels}, placement), Tensor::empty({channels}, placement)};
    const Tensor centre = Tensor::empty({narrow}, placement),
                 scatter = Tensor::empty({narrow, narrow}, placement);
    const NextNorm norm(next, moments, pixels);
    kernels(in.device())
        .expansion_moments_forward({.dtype = in.dtype(),
                                    .pixels = pixels,
                                    .narrow = narrow,
                                    .channels = channels,
                                    .windows = windows,
                                    .x = in.data(),
                                    .prologue = prologue_of(x),
                                    .expansion = weight.data(),
                                    .mean = moments.mean.data(),
                                    .m2 = moments.m2.data(),
                                    .centre = centre.data(),
                                    .scatter = scatter.data()},
                                   norm.behind());
    const auto backward = [x, weight, centre, scatter, pixels, narrow, channels, windows,
                           placement](std::span<const Tensor> gradients) {
        const auto or_zeros = [&](const Tensor& d) {
            return d.defined() ? d : Tensor::zeros({channels}, placement);
        };
        const Tensor d_mean = or_zeros(gradients[0]), d_m2 = or_zeros(gradients[1]);
        const ExpansionMomentsBackward args{
            .dtype = x.value.x.dtype(),
            .pixels = pixels,
            .narrow = narrow,
            .channels = channels,
            .windows = windows,
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
            .d_expansion = receive(weight.slot())};
        FinishedNorms norms;
        norms.add(x.value.scale, x.value.shift);
        kernels(x.value.x.device()).expansion_moments_backward(args, norms.behind());
    };
    constexpr const char* op = "expansion_moments";
    const Tensor &scale = x.value.scale, &shift = x.value.shift;
    if (is_half(in.dtype()) && in.requires_gradient()) {
        wide_gradient = Tensor::of_gradient(in.shape(), placement);
        record_outputs(op, {in, weight, scale, shift}, {moments.mean, moments.m2, wide_gradient}, backward,
                       traced(expansion));
    } else {
        record_outputs(op, {in, weight, scale, shift}, {moments.mean, moments.m2}, backward,
                       traced(expansion));
    }
    return moments;
}

}  // namespace

bool expand_pays(const Pending& x, const Shape& weight, const ConvOptions& options) {
    if (x.shape().rank() != 4 || !is_clamp(x.activation)) return false;
    if (weight.rank() == 4 && (options.groups != 1 || !x.whole() || has_gradient(x))) return false;
    const Tensor& any = x.written() ? x.value.x : x.expansion->weight;
    const ConvShape shape = conv_shape("expand", x.shape(), weight, options);
    return keeps_expansion_unwritten(any.device(), any.dtype(), shape, windows_of(shape, weight));
}

Pending expand(const Pending& x, const Tensor& weight, const ConvOptions& options, const BatchNorm* next) {
    constexpr const char* op = "expand";
    const Shape& of_weight = weight.shape();
    require(of_weight.rank() == 2 || (of_weight.rank() == 4 && options.groups == 1), op,
            "a weight of shape {} in {} groups", of_weight.to_string(), options.groups);
    require(of_weight.rank() == 2 || !has_gradient(x), op, "windows of an input that has a gradient");
    const ConvShape shape = conv_shape(op, x.shape(), of_weight, options);
    const bool is_read = x.written() && !x.residual.x.defined() && is_clamp(x.activation) &&
                         (of_weight.rank() == 2 || x.plain());
    const Pending narrow = is_read ? x : Pending(resolve(x));
    Pending unwritten{AffineTensor{}};
    Expansion expansion{narrow,
                        weight,
                        windows_of(shape, of_weight),
                        {shape.batch, shape.out().height, shape.out().width, shape.out_channels}};
    if (options.moments) unwritten.moments = expansion_moments(expansion, expansion.wide_gradient, next);
    unwritten.expansion = std::make_shared<const Expansion>(std::move(expansion));
    return unwritten;
}

Pending write(const Pending& x) {
    if (x.written()) return x;
    Pending written = x;
    written.expansion = nullptr;
    written.value.x =
        conv(x.expansion->narrow, x.expansion->weight, Tensor(), traced(*x.expansion).conv.options).value.x;
    return written;
}

}  // namespace vitrine::ops
