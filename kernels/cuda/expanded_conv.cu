// The expanded convolution (kernels/expanded_conv.h): on a GPU still the two convolutions that it is, with the wide tensor in
// scratch memory.

#include "kernels/cuda/conv_parts.h"
#include "kernels/expanded_separately.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr Implementation<ExpandedConvForward> forward_list[]{
    {"separate", refuses_nothing,
     expanded_separately<pointwise_conv_forward, depthwise_conv_forward, WideCopies>}};
constexpr Implementation<ExpandedConvBackward> backward_list[]{
    {"separate", refuses_nothing,
     expanded_gradients_separately<pointwise_conv_forward, pointwise_conv_backward, depthwise_conv_backward,
                                   WideCopies>}};

}  // namespace

const Kernel<ExpandedConvForward> expanded_conv_forward{"expanded_conv_forward", forward_list};
const Kernel<ExpandedConvBackward> expanded_conv_backward{"expanded_conv_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU
