// The expanded convolution (kernels/expanded_conv.h). half_tiles, for 16-bit values: the wide tensor lives a tile long, in shared
// memory (expanded_forward.cu, expanded_backward.cu). separate: the two convolutions that it is, with the wide tensor
// in scratch memory.

#include "kernels/cuda/conv_parts.h"
#include "kernels/cuda/expanded_conv.h"
#include "kernels/cuda/expanded_tiles.h"
#include "kernels/cuda/expanded_windows.h"
#include "kernels/expanded_separately.h"

namespace vitrine::VITRINE_GPU {
namespace {

/// What both passes refuse.
template <class Args>
const char* refuses_tiles(const Args& args) {
    if (const char* reason = refuses_half_tensor_cores(args.dtype)) return reason;
    if (!is_clamp(args.narrow_prologue.activation) || !is_clamp(args.prologue.activation))
        return "a prologue's activation is neither relu nor relu6, so it is a pass of its own";
    const ConvShape& shape = args.shape;
    if (shape.kernel != Size2{3, 3} || shape.padding != Size2{1, 1})
        return "the kernel is not 3x3 with a padding of 1";
    if (shape.stride != Size2{1, 1} && shape.stride != Size2{2, 2}) return "the stride is not 1x1 or 2x2";
    constexpr int64_t pack = 8;
    if (args.windows.there()) {
        if (const char* reason = refuses_first_layer(args)) return reason;
        if (const char* reason = refuses_windows(args)) return reason;
        if (shape.stride != Size2{1, 1}) return "windows, and a stride that is not 1x1";
        if (shape.in_channels % pack != 0) return "16-bit values are not aligned to 16 bytes in every pixel";
    } else {
        if (args.narrow > most_narrow_channels) return "the input has more than 32 channels";
        if (args.narrow % pack != 0 || shape.in_channels % pack != 0)
            return "16-bit values are not aligned to 16 bytes in every pixel";
    }
    if (!fits_int(shape.in_pixels() * shape.in_channels)) return "a tensor has more than 2^31 elements";
    if (!aligned(args.x, args.expansion, args.weight, args.narrow_prologue.scale, args.narrow_prologue.shift,
                 args.prologue.scale, args.prologue.shift))
        return "a pointer is not aligned to 16 bytes";
    return nullptr;
}

using Pointwise = Convolution<pointwise_conv_forward, pointwise_conv_backward>;
using Dense = Convolution<dense_conv_forward, dense_conv_backward>;
using Depthwise = Convolution<depthwise_conv_forward, depthwise_conv_backward>;

constexpr Implementation<ExpandedConvForward> forward_list[]{
    {"half_tiles", refuses_expanded_tiles, expanded_forward_tiles, StorageTypes::all},
    {"separate", refuses_nothing, expanded_separately<Pointwise, Dense, Depthwise, WideCopies>}};
constexpr Implementation<ExpandedConvBackward> backward_list[]{
    {"half_tiles", refuses_expanded_tiles, expanded_backward_tiles, StorageTypes::all},
    {"separate", refuses_nothing, expanded_gradients_separately<Pointwise, Dense, Depthwise, WideCopies>}};

}  // namespace

const char* refuses_expanded_tiles(const ExpandedConvForward& args) {
    if (!aligned(args.y)) return "a pointer is not aligned to 16 bytes";
    return refuses_tiles(args);
}
const char* refuses_expanded_tiles(const ExpandedConvBackward& args) {
    if (!aligned(args.d_y, args.y, args.mean, args.d_mean, args.d_m2, args.d_x.data))
        return "a pointer is not aligned to 16 bytes";
    return refuses_tiles(args);
}

const Kernel<ExpandedConvForward> expanded_conv_forward{"expanded_conv_forward", forward_list};
const Kernel<ExpandedConvBackward> expanded_conv_backward{"expanded_conv_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU
