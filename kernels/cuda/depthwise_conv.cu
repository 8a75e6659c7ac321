// Depthwise convolution: every channel is a group of its own. The ladder of implementations.
//
// 2 · kernel_height · kernel_width FLOPs an output element and at least 4 bytes in and 4 out: on any GPU the
// memory is what it waits for, so the bytes decide. Forward, f32, per output element at stride 1:
//
//     direct    4 · taps (x) + 4 · taps (weight) + 4 (y) bytes asked for; caches catch most of the repetition
//     rows      4 · (1 + halo) + 4: x once, but for the few columns and rows that two blocks share
//
// Each rung's file has the details: depthwise_direct.cu, depthwise_forward.cu, depthwise_backward.h.

#include "kernels/cuda/conv_parts.h"
#include "kernels/cuda/depthwise_conv.h"

namespace vitrine::VITRINE_GPU {
namespace {

const char* forward_refuses_walking(const ConvForward& args) { return refuses_walking(args.shape); }
const char* backward_refuses_walking(const ConvBackward& args) { return refuses_walking(args.shape); }

void run_backward_rows(const ConvBackward& args, Context& context) {
    depthwise_backward_rows(args, context);
    bias_gradient(args, context);
}

void run_backward_direct(const ConvBackward& args, Context& context) {
    depthwise_backward_direct(args, context);
    bias_gradient(args, context);
}

constexpr Implementation<ConvForward> forward_list[]{
    {"rows", forward_refuses_walking, depthwise_forward_rows},
    {"direct", refuses_nothing, depthwise_forward_direct}};
constexpr Implementation<ConvBackward> backward_list[]{{"rows", backward_refuses_walking, run_backward_rows},
                                                       {"direct", refuses_nothing, run_backward_direct}};

}  // namespace

const char* refuses_walking(const ConvShape& shape) {
    if (shape.kernel != Size2{3, 3} && shape.kernel != Size2{5, 5}) return "the kernel is not 3x3 or 5x5";
    if (shape.stride != Size2{1, 1} && shape.stride != Size2{2, 2}) return "the stride is not 1 or 2";
    const int64_t channels = shape.in_channels;
    if (!fits_int(shape.in_pixels() * channels) || !fits_int(shape.out_pixels() * channels))
        return "a tensor has more than 2^31 elements";
    return nullptr;
}

const Kernel<ConvForward> depthwise_conv_forward{"depthwise_conv_forward", forward_list};
const Kernel<ConvBackward> depthwise_conv_backward{"depthwise_conv_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU
