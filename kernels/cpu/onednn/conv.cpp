// All convolutions, with oneDNN's convolution primitives: they differ in the layout of their weights alone.

#include "kernels/cpu/conv_parts.h"
#include "kernels/cpu/onednn/library.h"
#include "kernels/cpu/onednn/onednn.h"

namespace vitrine::cpu::onednn {
namespace {

enum class WeightLayout : unsigned char {
    out_first,     // dense and pointwise: [out, kernel_height, kernel_width, in / groups]
    kernel_first,  // depthwise: [kernel_height, kernel_width, channels]
};

/// oneDNN names the dimensions of grouped weights: group, out, in (both within the group), height, width.
Dimensions weight_dimensions(const ConvShape& shape) {
    return {shape.groups, shape.out_channels / shape.groups, shape.in_channels / shape.groups,
            shape.kernel.height, shape.kernel.width};
}

Descriptor weights_as_given(const ConvShape& shape, WeightLayout layout) {
    const Dimensions dimensions = weight_dimensions(shape);
    const int64_t channels = shape.out_channels;
    if (layout == WeightLayout::kernel_first) {
        return f32_strided(dimensions, {1, 1, channels, shape.kernel.width * channels, channels});
    }
    const int64_t in = shape.in_channels / shape.groups;
    const int64_t one_filter = shape.kernel.height * shape.kernel.width * in;
    return f32_strided(dimensions,
                       {channels / shape.groups * one_filter, one_filter, 1, shape.kernel.width * in, in});
}

Descriptor weights_as_liked(const ConvShape& shape) { return f32(weight_dimensions(shape), Tag::any); }

Descriptor x_descriptor(const ConvShape& shape) {
    return f32({shape.batch, shape.in_channels, shape.in.height, shape.in.width}, Tag::nhwc);
}

Descriptor y_descriptor(const ConvShape& shape) {
    return f32({shape.batch, shape.out_channels, shape.out().height, shape.out().width}, Tag::nhwc);
}

Dimensions pair(const Size2& size) { return {size.height, size.width}; }

Key key_of(const ConvShape& shape, WeightLayout layout) {
    return {shape.batch,
            shape.in.height,
            shape.in.width,
            shape.in_channels,
            shape.out_channels,
            shape.kernel.height,
            shape.kernel.width,
            shape.stride.height,
            shape.stride.width,
            shape.padding.height,
            shape.padding.width,
            shape.groups,
            static_cast<int64_t>(layout)};
}

Key with(Key key, int64_t number) {
    key.push_back(number);
    return key;
}

dnnl::convolution_forward::primitive_desc forward_descriptor(const ConvShape& shape, bool has_bias) {
    const auto kind = dnnl::prop_kind::forward_training;
    const auto algorithm = dnnl::algorithm::convolution_direct;
    const Dimensions padding = pair(shape.padding);
    const auto describe = [&](const auto&... weights) {
        return describe_forward<dnnl::convolution_forward>(kind, algorithm, x_descriptor(shape), weights...,
                                                           y_descriptor(shape), pair(shape.stride), padding,
                                                           padding);
    };
    if (!has_bias) return describe(weights_as_liked(shape));
    return describe(weights_as_liked(shape), f32_vector(shape.out_channels));
}

/// The descriptor of BackwardPrimitive, which is convolution_backward_data or convolution_backward_weights.
template <class BackwardPrimitive>
typename BackwardPrimitive::primitive_desc backward_descriptor(const ConvShape& shape) {
    const Dimensions padding = pair(shape.padding);
    return describe_backward<BackwardPrimitive>(
        forward_descriptor(shape, false), dnnl::algorithm::convolution_direct, x_descriptor(shape),
        weights_as_liked(shape), y_descriptor(shape), pair(shape.stride), padding, padding);
}

struct ForwardPlan {
    ForwardPlan(const ConvShape& shape, WeightLayout layout, bool has_bias)
        : convolution(forward_descriptor(shape, has_bias)),
          weights(weights_as_given(shape, layout), convolution.descriptor.weights_desc(), GradMode::write) {}

    Compiled<dnnl::convolution_forward> convolution;
    Reorder weights;
};

struct BackwardDataPlan {
    BackwardDataPlan(const ConvShape& shape, WeightLayout layout, GradMode mode)
        : convolution(backward_descriptor<dnnl::convolution_backward_data>(shape)),
          weights(weights_as_given(shape, layout), convolution.descriptor.weights_desc(), GradMode::write),
          d_x(x_descriptor(shape), x_descriptor(shape), mode) {}

    Compiled<dnnl::convolution_backward_data> convolution;
    Reorder weights;
    Reorder d_x;
};

struct BackwardWeightsPlan {
    BackwardWeightsPlan(const ConvShape& shape, WeightLayout layout, GradMode mode)
        : convolution(backward_descriptor<dnnl::convolution_backward_weights>(shape)),
          d_weight(convolution.descriptor.diff_weights_desc(), weights_as_given(shape, layout), mode) {}

    Compiled<dnnl::convolution_backward_weights> convolution;
    Reorder d_weight;
};

template <WeightLayout layout>
void plain_forward(const ConvForward& args, Context& context) {
    static PlanCache<ForwardPlan> plans;
    const ConvShape& shape = args.shape;
    const bool has_bias = args.bias != nullptr;
    const ForwardPlan& plan = plans.get(with(key_of(shape, layout), has_bias),
                                        [&] { return ForwardPlan(shape, layout, has_bias); });
    Arguments arguments{{DNNL_ARG_SRC, memory_at(x_descriptor(shape), args.x)},
                        {DNNL_ARG_WEIGHTS, plan.weights.input(args.weight, context)},
                        {DNNL_ARG_DST, memory_at(y_descriptor(shape), args.y)}};
    if (has_bias) arguments.emplace(DNNL_ARG_BIAS, memory_at(f32_vector(shape.out_channels), args.bias));
    plan.convolution.execute(std::move(arguments), context);
}

template <WeightLayout layout>
void backward_data(const ConvBackward& args, Context& context) {
    static PlanCache<BackwardDataPlan> plans;
    const ConvShape& shape = args.shape;
    const BackwardDataPlan& plan = plans.get(with(key_of(shape, layout), static_cast<int64_t>(args.d_x.mode)),
                                             [&] { return BackwardDataPlan(shape, layout, args.d_x.mode); });
    const dnnl::memory d_x = plan.d_x.output(args.d_x.data, context);
    plan.convolution.execute({{DNNL_ARG_DIFF_DST, memory_at(y_descriptor(shape), args.d_y)},
                              {DNNL_ARG_WEIGHTS, plan.weights.input(args.weight, context)},
                              {DNNL_ARG_DIFF_SRC, d_x}},
                             context);
    plan.d_x.deliver(d_x, args.d_x.data, context);
}

template <WeightLayout layout>
void backward_weights(const ConvBackward& args, Context& context) {
    static PlanCache<BackwardWeightsPlan> plans;
    const ConvShape& shape = args.shape;
    const BackwardWeightsPlan& plan =
        plans.get(with(key_of(shape, layout), static_cast<int64_t>(args.d_weight.mode)),
                  [&] { return BackwardWeightsPlan(shape, layout, args.d_weight.mode); });
    const dnnl::memory d_weight = plan.d_weight.output(args.d_weight.data, context);
    plan.convolution.execute({{DNNL_ARG_SRC, memory_at(x_descriptor(shape), args.x)},
                              {DNNL_ARG_DIFF_DST, memory_at(y_descriptor(shape), args.d_y)},
                              {DNNL_ARG_DIFF_WEIGHTS, d_weight}},
                             context);
    plan.d_weight.deliver(d_weight, args.d_weight.data, context);
}

template <WeightLayout layout>
void plain_backward(const ConvBackward& args, Context& context) {
    if (args.d_x) backward_data<layout>(args, context);
    if (args.d_weight) backward_weights<layout>(args, context);
}

}  // namespace

const char* refuses_dense_conv_forward(const ConvForward& args) { return refuses_dtype(args.dtype); }
const char* refuses_dense_conv_backward(const ConvBackward& args) { return refuses_dtype(args.dtype); }
const char* refuses_depthwise_conv_forward(const ConvForward& args) { return refuses_dtype(args.dtype); }
const char* refuses_depthwise_conv_backward(const ConvBackward& args) { return refuses_dtype(args.dtype); }
const char* refuses_pointwise_conv_forward(const ConvForward& args) { return refuses_dtype(args.dtype); }
const char* refuses_pointwise_conv_backward(const ConvBackward& args) { return refuses_dtype(args.dtype); }

void run_dense_conv_forward(const ConvForward& args, Context& context) {
    forward_around(args, context, plain_forward<WeightLayout::out_first>);
}
void run_dense_conv_backward(const ConvBackward& args, Context& context) {
    backward_around(args, context, plain_backward<WeightLayout::out_first>);
}
void run_depthwise_conv_forward(const ConvForward& args, Context& context) {
    forward_around(args, context, plain_forward<WeightLayout::kernel_first>);
}
void run_depthwise_conv_backward(const ConvBackward& args, Context& context) {
    backward_around(args, context, plain_backward<WeightLayout::kernel_first>);
}
void run_pointwise_conv_forward(const ConvForward& args, Context& context) {
    forward_around(args, context, plain_forward<WeightLayout::out_first>);
}
void run_pointwise_conv_backward(const ConvBackward& args, Context& context) {
    backward_around(args, context, plain_backward<WeightLayout::out_first>);
}

}  // namespace vitrine::cpu::onednn
