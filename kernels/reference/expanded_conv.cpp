// The expanded convolution by its definition: the pointwise convolution, then the depthwise one.

#include "kernels/expanded_separately.h"
#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

using Pointwise = Convolution<pointwise_conv_forward, pointwise_conv_backward>;
using Dense = Convolution<dense_conv_forward, dense_conv_backward>;
using Depthwise = Convolution<depthwise_conv_forward, depthwise_conv_backward>;

constexpr Implementation<ExpandedConvForward> forward_list[]{
    {"separate", refuses_nothing, expanded_separately<Pointwise, Dense, Depthwise>}};
constexpr Implementation<ExpandedConvBackward> backward_list[]{
    {"separate", refuses_nothing, expanded_gradients_separately<Pointwise, Dense, Depthwise>}};

}  // namespace

const Kernel<ExpandedConvForward> expanded_conv_forward{"expanded_conv_forward", forward_list};
const Kernel<ExpandedConvBackward> expanded_conv_backward{"expanded_conv_backward", backward_list};

}  // namespace vitrine::reference
