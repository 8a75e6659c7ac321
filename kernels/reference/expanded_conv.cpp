// The expanded convolution by its definition: the pointwise convolution, then the depthwise one.

#include "kernels/expanded_separately.h"
#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

constexpr Implementation<ExpandedConvForward> forward_list[]{
    {"separate", refuses_nothing, expanded_separately<pointwise_conv_forward, depthwise_conv_forward>}};
constexpr Implementation<ExpandedConvBackward> backward_list[]{
    {"separate", refuses_nothing,
     expanded_gradients_separately<pointwise_conv_forward, pointwise_conv_backward,
                                   depthwise_conv_backward>}};

}  // namespace

const Kernel<ExpandedConvForward> expanded_conv_forward{"expanded_conv_forward", forward_list};
const Kernel<ExpandedConvBackward> expanded_conv_backward{"expanded_conv_backward", backward_list};

}  // namespace vitrine::reference
