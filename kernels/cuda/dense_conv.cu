// Dense convolution: the ordered lists of its implementations.

#include "kernels/cuda/dense_conv_direct.h"
#include "kernels/cuda/dense_conv_gemm.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr Implementation<ConvForward> forward_list[]{
    {"implicit_gemm", refuses_dense_forward_packs, dense_forward_gemm_packs},
    {"implicit_gemm_singles", refuses_dense_forward_singles, dense_forward_gemm_singles},
    {"direct", refuses_nothing, dense_forward_direct},
};
constexpr Implementation<ConvBackward> backward_list[]{
    {"implicit_gemm", refuses_dense_backward_packs, dense_backward_gemm_packs},
    {"implicit_gemm_singles", refuses_dense_backward_singles, dense_backward_gemm_singles},
    {"direct_chunks", refuses_nothing, dense_backward_direct_chunks},
    {"direct", refuses_nothing, dense_backward_direct},
};

}  // namespace

const Kernel<ConvForward> dense_conv_forward{"dense_conv_forward", forward_list};
const Kernel<ConvBackward> dense_conv_backward{"dense_conv_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU
