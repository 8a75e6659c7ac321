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

template <class Args>
const char* args_refuse_walking(const Args& args) {
    if (is_half(args.dtype) && !walks_in_packs(args))
        return "16-bit values are not aligned to 16 bytes in every pixel";
    return refuses_walking(args.shape);
}

bool whole_packs(DType dtype, int64_t channels) {
    return channels % static_cast<int64_t>(16 / size_of(dtype)) == 0;
}

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
    {"rows", refuses_curve<ConvForward, args_refuse_walking<ConvForward>>, depthwise_forward_rows,
     StorageTypes::all},
    {"gather", refuses_curve<ConvForward>, depthwise_forward_gather, StorageTypes::all},
    {"direct", refuses_curve<ConvForward>, depthwise_forward_direct, StorageTypes::all},
    {"unfused", refuses_clamp<ConvForward>, run_unfused<depthwise_conv_forward>, StorageTypes::all}};
constexpr Implementation<ConvBackward> backward_list[]{
    {"rows", refuses_curve<ConvBackward, args_refuse_walking<ConvBackward>>, run_backward_rows,
     StorageTypes::all},
    {"gather", refuses_curve<ConvBackward>, run_backward_gather, StorageTypes::all},
    {"direct", refuses_curve<ConvBackward>, run_backward_direct, StorageTypes::all},
    {"unfused", refuses_clamp<ConvBackward>, run_unfused<depthwise_conv_backward>, StorageTypes::all}};

}  // namespace

const char* refuses_walking(const ConvShape& shape) {
    if (shape.kernel != Size2{3, 3} && shape.kernel != Size2{5, 5}) return "the kernel is not 3x3 or 5x5";
    if (shape.stride != Size2{1, 1} && shape.stride != Size2{2, 2}) return "the stride is not 1x1 or 2x2";
    const int64_t channels = shape.in_channels;
    if (!fits_int(shape.in_pixels() * channels) || !fits_int(shape.out_pixels() * channels))
        return "a tensor has more than 2^31 elements";
    return nullptr;
}

bool walks_in_packs(const ConvForward& args) {
    return whole_packs(args.dtype, args.shape.in_channels) &&
           aligned(args.x, args.weight, args.bias, args.prologue.scale, args.prologue.shift, args.y);
}
bool walks_in_packs(const ConvBackward& args) {
    return whole_packs(args.dtype, args.shape.in_channels) &&
           aligned(args.x, args.weight, args.prologue.scale, args.prologue.shift, args.d_y, args.y, args.mean,
                   args.d_mean, args.d_m2, args.d_x.data);
}

const Kernel<ConvForward> depthwise_conv_forward{"depthwise_conv_forward", forward_list};
const Kernel<ConvBackward> depthwise_conv_backward{"depthwise_conv_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU
