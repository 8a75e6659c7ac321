// Dense, depthwise and pointwise convolution with cuDNN: its plan for the shape (cudnn_conv_plan.h), run.
//
// Activations are NHWC for cuDNN too, and its filters [out, kernel_height, kernel_width, in / groups] are
// ours but for the depthwise ones: those are transposed into scratch memory and back at each call, which is
// little beside the convolution. Prologue and epilogue are passes of their own (conv_parts.h): what our fused
// kernels save.

#include <algorithm>

#include "kernels/cuda/conv_parts.h"
#include "kernels/cuda/vendor/cudnn_conv_plan.h"
#include "kernels/cuda/vendor/implementations.h"
#include "kernels/cuda/vendor/rearrange.h"

namespace vitrine::VITRINE_GPU::vendor {
namespace {

int64_t taps_of(const ConvShape& shape) { return shape.kernel.height * shape.kernel.width; }

void* take_workspace(const ConvPlan& plan, Context& context) {
    return plan.workspace_bytes == 0 ? nullptr : context.scratch.take(plan.workspace_bytes);
}

template <class T>
void run_forward(const ConvForward& args, const T* weight, Context& context) {
    const ConvPlan& plan = conv_plan(args.shape, args.dtype, Direction::forward);
    const T one = 1, zero = 0;
    VITRINE_CUDNN(cudnnConvolutionForward, cudnn_handle(), &one, plan.x, args.x, plan.weight, weight,
                  plan.convolution, static_cast<cudnnConvolutionFwdAlgo_t>(plan.algorithm),
                  take_workspace(plan, context), plan.workspace_bytes, &zero, plan.y, args.y);
    add_bias(static_cast<const T*>(args.bias), static_cast<T*>(args.y), args.shape.out_pixels(),
             args.shape.out_channels);
}

template <class T>
void run_input_gradient(const ConvBackward& args, const T* weight, Context& context) {
    const ConvPlan& plan = conv_plan(args.shape, args.dtype, Direction::input_gradient);
    const T one = 1, kept = args.d_x.mode == GradMode::accumulate ? T(1) : T(0);
    VITRINE_CUDNN(cudnnConvolutionBackwardData, cudnn_handle(), &one, plan.weight, weight, plan.y, args.d_y,
                  plan.convolution, static_cast<cudnnConvolutionBwdDataAlgo_t>(plan.algorithm),
                  take_workspace(plan, context), plan.workspace_bytes, &kept, plan.x, args.d_x.data);
}

template <class T>
void run_weight_gradient(const ConvBackward& args, const Gradient& d_weight, Context& context) {
    const ConvPlan& plan = conv_plan(args.shape, args.dtype, Direction::weight_gradient);
    const T one = 1, kept = d_weight.mode == GradMode::accumulate ? T(1) : T(0);
    VITRINE_CUDNN(cudnnConvolutionBackwardFilter, cudnn_handle(), &one, plan.x, args.x, plan.y, args.d_y,
                  plan.convolution, static_cast<cudnnConvolutionBwdFilterAlgo_t>(plan.algorithm),
                  take_workspace(plan, context), plan.workspace_bytes, &kept, plan.weight, d_weight.data);
}

void plain_dense_forward(const ConvForward& args, Context& context) {
    dispatch_float(args.dtype,
                   [&]<class T>() { run_forward<T>(args, static_cast<const T*>(args.weight), context); });
}

void plain_dense_backward(const ConvBackward& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() {
        if (args.d_x) run_input_gradient<T>(args, static_cast<const T*>(args.weight), context);
        if (args.d_weight) run_weight_gradient<T>(args, args.d_weight, context);
    });
}

/// [taps, channels] as [channels, taps], in scratch memory.
template <class T>
const T* filters_first(const void* weight, const ConvShape& shape, Context& context) {
    T* filters = context.scratch.take<T>(shape.weight_count());
    transpose(static_cast<const T*>(weight), {filters, GradMode::write}, taps_of(shape), shape.out_channels);
    return filters;
}

void plain_depthwise_forward(const ConvForward& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() {
        run_forward<T>(args, filters_first<T>(args.weight, args.shape, context), context);
    });
}

void plain_depthwise_backward(const ConvBackward& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() {
        if (args.d_x)
            run_input_gradient<T>(args, filters_first<T>(args.weight, args.shape, context), context);
        if (!args.d_weight) return;
        T* filters = context.scratch.take<T>(args.shape.weight_count());
        run_weight_gradient<T>(args, {filters, GradMode::write}, context);
        transpose<T>(filters, args.d_weight, args.shape.out_channels, taps_of(args.shape));
    });
}

const char* refuses_always(const ConvShape& shape) {
    if (cudnn_problem() != nullptr) return cudnn_problem();
    const int64_t x = shape.in_pixels() * shape.in_channels, y = shape.out_pixels() * shape.out_channels;
    if (shape.in_pixels() == 0 || shape.out().height <= 0 || shape.out().width <= 0) return empty_tensor;
    return fit_int({x, y, shape.weight_count()}) ? nullptr : too_large;
}

const char* refuses(const ConvShape& shape, DType dtype, Direction direction) {
    return phrase_of(conv_plan(shape, dtype, direction).refusal);
}

}  // namespace

const char* cudnn_refuses_forward(const ConvForward& args) {
    if (const char* reason = refuses_always(args.shape)) return reason;
    if (!aligned(args.x, args.weight, args.y)) return misaligned;
    return refuses(args.shape, args.dtype, Direction::forward);
}

const char* cudnn_refuses_backward(const ConvBackward& args) {
    if (const char* reason = refuses_always(args.shape)) return reason;
    if (!aligned(args.x, args.weight, args.d_y, args.d_x.data, args.d_weight.data)) return misaligned;
    if (args.d_x || args.d_scale || args.d_shift) {
        if (const char* reason = refuses(args.shape, args.dtype, Direction::input_gradient)) return reason;
    }
    return args.d_weight ? refuses(args.shape, args.dtype, Direction::weight_gradient) : nullptr;
}

void cudnn_dense_forward(const ConvForward& args, Context& context) {
    forward_around(args, context, plain_dense_forward);
}
void cudnn_dense_backward(const ConvBackward& args, Context& context) {
    backward_around(args, context, plain_dense_backward);
}
void cudnn_depthwise_forward(const ConvForward& args, Context& context) {
    forward_around(args, context, plain_depthwise_forward);
}
void cudnn_depthwise_backward(const ConvBackward& args, Context& context) {
    backward_around(args, context, plain_depthwise_backward);
}

}  // namespace vitrine::VITRINE_GPU::vendor
