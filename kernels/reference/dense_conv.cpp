// Dense convolution, with any kernel, stride, padding and groups: the loop nest of conv_loops.h.

#include "kernels/kernels.h"
#include "kernels/reference/conv_loops.h"

namespace vitrine::reference {
namespace {

/// weight [out_channels, kernel_height, kernel_width, in_channels / groups]
int64_t weight_index(const ConvShape& shape, int64_t o, int64_t p, int64_t q, int64_t c) {
    return ((o * shape.kernel.height + p) * shape.kernel.width + q) * (shape.in_channels / shape.groups) + c;
}

constexpr Implementation<ConvForward> forward_list[]{{"loops", refuses_nothing, forward_loops<weight_index>}};
constexpr Implementation<ConvBackward> backward_list[]{
    {"loops", refuses_nothing, backward_loops<weight_index>}};

}  // namespace

const Kernel<ConvForward> dense_conv_forward{"dense_conv_forward", forward_list};
const Kernel<ConvBackward> dense_conv_backward{"dense_conv_backward", backward_list};

}  // namespace vitrine::reference
