// Pointwise convolution: a matrix product at every pixel. The loop nest of conv_loops.h with a 1×1 kernel.

#include "kernels/kernels.h"
#include "kernels/reference/conv_loops.h"

namespace vitrine::reference {
namespace {

/// weight [out_channels, in_channels]
int64_t weight_index(const ConvShape& shape, int64_t o, int64_t, int64_t, int64_t c) {
    return o * shape.in_channels + c;
}

constexpr Implementation<ConvForward> forward_list[]{{"loops", refuses_nothing, forward_loops<weight_index>}};
constexpr Implementation<ConvBackward> backward_list[]{
    {"loops", refuses_nothing, backward_loops<weight_index>}};

}  // namespace

const Kernel<ConvForward> pointwise_conv_forward{"pointwise_conv_forward", forward_list};
const Kernel<ConvBackward> pointwise_conv_backward{"pointwise_conv_backward", backward_list};

}  // namespace vitrine::reference
