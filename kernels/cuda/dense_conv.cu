// Dense convolution: the ordered lists of its implementations.

#include "kernels/cuda/dense_conv_direct.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr Implementation<ConvForward> forward_list[]{{"direct", refuses_nothing, dense_forward_direct}};
constexpr Implementation<ConvBackward> backward_list[]{
    {"direct_chunks", refuses_nothing, dense_backward_direct_chunks},
    {"direct", refuses_nothing, dense_backward_direct},
};

}  // namespace

const Kernel<ConvForward> dense_conv_forward{"dense_conv_forward", forward_list};
const Kernel<ConvBackward> dense_conv_backward{"dense_conv_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU
