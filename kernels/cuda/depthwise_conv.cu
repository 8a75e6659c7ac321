// Depthwise convolution: every channel is a group of its own. The ladder of implementations.
//
// 2 · kernel_height · kernel_width FLOPs an output element and at least 4 bytes in and 4 out: on any GPU the
// memory is what it waits for, so the bytes decide. Asked for with f32, a 3×3 kernel and stride 1, an
// element:
//
//                forward (y)                    backward (d_x and d_weight; read x, d_y; write d_x)
//     minimum    4 + 4 = 8                      12
//     direct     36 + 36 (weight) + 4 = 76      36 + 36 + 4 for d_x, 36 + 36 for d_weight = 148
//     gather     the same, by requests of 16 bytes a thread, and d_weight by all of the GPU
//                (with a prologue or an epilogue: see depthwise_gather.cu)
//     rows       4 · (1 + shared) + 4           4 + 4 + 4 · (1 + shared)
//
// shared: what two blocks both load at their common border, at most (1 + 2 / tile columns) · (1 + 2 / strip
// rows) − 1. Counted for the layers of MobileNetV2 with a batch of 1, rows asks for 1.00 to 1.11 times the
// minimum. The caches catch much of what the lower rungs repeat, but each repetition is a request still.
//
// rows: depthwise_forward.cu, depthwise_backward.cu and their walk, depthwise_walk.h. The lower rungs:
// depthwise_gather.cu. unfused: for prologues that none of these takes in, passes around the first of them.

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

void run_backward_gather(const ConvBackward& args, Context& context) {
    depthwise_backward_gather(args, context);
    bias_gradient(args, context);
}

void run_backward_direct(const ConvBackward& args, Context& context) {
    depthwise_backward_direct(args, context);
    bias_gradient(args, context);
}

constexpr Implementation<ConvForward> forward_list[]{
    {"rows", refuses_curve<ConvForward, forward_refuses_walking>, depthwise_forward_rows},
    {"gather", refuses_curve<ConvForward>, depthwise_forward_gather},
    {"direct", refuses_curve<ConvForward>, depthwise_forward_direct},
    {"unfused", refuses_clamp<ConvForward>, run_unfused<depthwise_conv_forward>}};
constexpr Implementation<ConvBackward> backward_list[]{
    {"rows", refuses_curve<ConvBackward, backward_refuses_walking>, run_backward_rows},
    {"gather", refuses_curve<ConvBackward>, run_backward_gather},
    {"direct", refuses_curve<ConvBackward>, run_backward_direct},
    {"unfused", refuses_clamp<ConvBackward>, run_unfused<depthwise_conv_backward>}};

}  // namespace

const char* refuses_walking(const ConvShape& shape) {
    if (shape.kernel != Size2{3, 3} && shape.kernel != Size2{5, 5}) return "the kernel is not 3x3 or 5x5";
    if (shape.stride != Size2{1, 1} && shape.stride != Size2{2, 2}) return "the stride is not 1x1 or 2x2";
    const int64_t channels = shape.in_channels;
    if (!fits_int(shape.in_pixels() * channels) || !fits_int(shape.out_pixels() * channels))
        return "a tensor has more than 2^31 elements";
    return nullptr;
}

const Kernel<ConvForward> depthwise_conv_forward{"depthwise_conv_forward", forward_list};
const Kernel<ConvBackward> depthwise_conv_backward{"depthwise_conv_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU
