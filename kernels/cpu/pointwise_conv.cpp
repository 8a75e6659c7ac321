// Pointwise convolution: our own matrix products first, backward both of them in one pass where that pays, oneDNN as the
// fallback and rival.

#include "kernels/cpu/amx.h"
#include "kernels/cpu/conv_parts.h"
#include "kernels/cpu/gemm_conv.h"
#include "kernels/cpu/onednn/onednn.h"
#include "kernels/cpu/pointwise_backward.h"
#include "kernels/kernels.h"

namespace vitrine::cpu {
namespace {

constexpr Implementation<ConvForward> forward_list[]{
    {"amx", refuses_curve<ConvForward, amx::refuses_all_but_bf16>, amx_conv_forward, StorageTypes::all},
    {"gemm", refuses_curve<ConvForward>, gemm_conv_forward, StorageTypes::all},
    {"unfused", refuses_clamp<ConvForward>, run_unfused<pointwise_conv_forward>, StorageTypes::all},
    {"onednn", onednn::refuses_pointwise_conv_forward, onednn::run_pointwise_conv_forward},
};
constexpr Implementation<ConvBackward> backward_list[]{
    {"one_pass_amx", refuses_curve<ConvBackward, refuses_pointwise_backward_amx>, run_pointwise_backward_amx,
     StorageTypes::all},
    {"amx", refuses_curve<ConvBackward, amx::refuses_all_but_bf16>, amx_conv_backward, StorageTypes::all},
    {"one_pass", refuses_curve<ConvBackward, refuses_pointwise_backward>, run_pointwise_backward,
     StorageTypes::all},
    {"gemm", refuses_curve<ConvBackward>, gemm_conv_backward, StorageTypes::all},
    {"unfused", refuses_clamp<ConvBackward>, run_unfused<pointwise_conv_backward>, StorageTypes::all},
    {"onednn", onednn::refuses_pointwise_conv_backward, onednn::run_pointwise_conv_backward},
};

}  // namespace

const Kernel<ConvForward> pointwise_conv_forward{"pointwise_conv_forward", forward_list};
const Kernel<ConvBackward> pointwise_conv_backward{"pointwise_conv_backward", backward_list};

}  // namespace vitrine::cpu
