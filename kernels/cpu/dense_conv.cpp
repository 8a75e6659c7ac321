// Dense convolution: Winograd's for 3x3, our own matrix products, oneDNN as the fallback and rival.

#include "kernels/cpu/amx.h"
#include "kernels/cpu/conv_parts.h"
#include "kernels/cpu/gemm_conv.h"
#include "kernels/cpu/onednn/onednn.h"
#include "kernels/cpu/winograd_conv.h"
#include "kernels/kernels.h"

namespace vitrine::cpu {
namespace {

constexpr Implementation<ConvForward> forward_list[]{
    {"winograd", refuses_curve<ConvForward, refuses_winograd_forward>, run_winograd_forward},
    {"amx", refuses_curve<ConvForward, amx::refuses_all_but_bf16>, amx_conv_forward, StorageTypes::all},
    {"gemm", refuses_curve<ConvForward>, gemm_conv_forward, StorageTypes::all},
    {"unfused", refuses_clamp<ConvForward>, run_unfused<dense_conv_forward>, StorageTypes::all},
    {"onednn", onednn::refuses_dense_conv_forward, onednn::run_dense_conv_forward},
};
constexpr Implementation<ConvBackward> backward_list[]{
    {"winograd", refuses_curve<ConvBackward, refuses_winograd_backward>, run_winograd_backward},
    {"amx", refuses_curve<ConvBackward, amx::refuses_all_but_bf16>, amx_conv_backward, StorageTypes::all},
    {"gemm", refuses_curve<ConvBackward>, gemm_conv_backward, StorageTypes::all},
    {"unfused", refuses_clamp<ConvBackward>, run_unfused<dense_conv_backward>, StorageTypes::all},
    {"onednn", onednn::refuses_dense_conv_backward, onednn::run_dense_conv_backward},
};

}  // namespace

const Kernel<ConvForward> dense_conv_forward{"dense_conv_forward", forward_list};
const Kernel<ConvBackward> dense_conv_backward{"dense_conv_backward", backward_list};

}  // namespace vitrine::cpu
