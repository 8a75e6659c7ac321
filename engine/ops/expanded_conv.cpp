// A depthwise convolution that makes its wide input itself, out of a narrow one (kernels/expanded_conv.h).
//
// Backward saves the narrow input and both weights, and where the moments of y have gradients, y and its mean.

#include "engine/ops/conv.h"

namespace vitrine::ops {

Pending expanded_conv(const Pending& x, const Tensor& weight, const ConvOptions& options,
                      const BatchNorm* next) {
    constexpr const char* op = "expanded_conv";
    const Pending& narrow = x.expansion->narrow;
    const Tensor &in = narrow.value.x, &expansion = x.expansion->weight;
    const int64_t numbers = expansion.count() / expansion.shape()[0];
    const ConvShape shape = conv_shape(op, x.shape(), weight.shape(), options);

    Pending output = empty_output(shape, options.moments, in.placement());
    const NextNorm norm = next_norm(next, output);
    kernels(in.device())
        .expanded_conv_forward({.dtype = in.dtype(),
                                .shape = shape,
                                .narrow = numbers,
                                .windows = x.expansion->windows,
                                .x = in.data(),
                                .narrow_prologue = prologue_of(narrow),
                                .expansion = expansion.data(),
                                .prologue = prologue_of(x),
                                .weight = weight.data(),
                                .y = output.value.x.data(),
                                .epilogue = {output.moments.mean.data(), output.moments.m2.data()}},
                               norm.behind());

    const auto backward = [shape, x, weight, numbers,
                           saved = SavedOutput(output)](std::span<const Tensor> gradients) {
        const AffineTensor& of_narrow = x.expansion->narrow.value;
        const Tensor& of_expansion = x.expansion->weight;
        ExpandedConvBackward args;
        const Tensor d_y = saved.put(gradients, args);
        args.shape = shape;
        args.narrow = numbers;
        args.windows = x.expansion->windows;
        args.x = of_narrow.x.data();
        args.narrow_prologue = prologue_of(x.expansion->narrow);
        args.expansion = of_expansion.data();
        args.prologue = prologue_of(x);
        args.weight = weight.data();
        const Tensor& wide = x.expansion->wide_gradient;
        args.wide_d_x = wide.requires_gradient();
        args.d_x = receive(args.wide_d_x ? wide.slot() : of_narrow.x.slot());
        args.d_narrow_scale = receive(of_narrow.scale.slot());
        args.d_narrow_shift = receive(of_narrow.shift.slot());
        args.d_expansion = receive(of_expansion.slot());
        args.d_scale = receive(x.value.scale.slot());
        args.d_shift = receive(x.value.shift.slot());
        args.d_weight = receive(weight.slot());
        FinishedNorms norms;
        norms.add(x.value.scale, x.value.shift);
        norms.add(of_narrow.scale, of_narrow.shift);
        kernels(d_y.device()).expanded_conv_backward(args, norms.behind());
    };
    record_conv(op,
                {in, expansion, narrow.value.scale, narrow.value.shift, x.value.scale, x.value.shift, weight},
                output, backward, TracedExpandedConv{options, traced(*x.expansion), x.activation});
    return output;
}

}  // namespace vitrine::ops
