// Depthwise convolution: every channel is a group of its own. The loop nest of conv_loops.h.

#include "kernels/kernels.h"
#include "kernels/reference/conv_loops.h"

namespace vitrine::reference {
namespace {

/// weight [kernel_height, kernel_width, channels]: the output channel o is the channel.
int64_t weight_index(const ConvShape& shape, int64_t o, int64_t p, int64_t q, int64_t) {
    return (p * shape.kernel.width + q) * shape.out_channels + o;
}

constexpr Implementation<ConvForward> forward_list[]{{"loops", refuses_nothing, forward_loops<weight_index>}};
constexpr Implementation<ConvBackward> backward_list[]{
    {"loops", refuses_nothing, backward_loops<weight_index>}};

}  // namespace

const Kernel<ConvForward> depthwise_conv_forward{"depthwise_conv_forward", forward_list};
const Kernel<ConvBackward> depthwise_conv_backward{"depthwise_conv_backward", backward_list};

}  // namespace vitrine::reference
