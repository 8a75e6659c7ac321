// Dense convolution: the ordered list of its implementations.
//
//     half_tensor_cores      the products of gemm.h by tensor cores (gemm_half_tensor.h); bf16 from 8.0 on and f16; packs
//     half_tensor_cores_singles
//                            the same with values loaded one by one: MobileNetV2's stem has 3 input channels
//     implicit_gemm          the products of gemm.h, windows gathered while tiles are loaded, in packs of 16 bytes
//     implicit_gemm_singles  the same with single loads
//     implicit_gemm_128x64   one block tile for all shapes, for comparison; no doubles
//     implicit_gemm_128x32
//     tensor_cores           the same product by tensor cores, from 8.0 on (gemm_tensor.h); floats and packs only
//     direct_chunks          one thread an element of what is computed; the only one that knows groups
//     direct                 the same, and d_weight without chunks of pixels
//     unfused                for prologues that none of these takes in: passes around the first of them

#include "kernels/cuda/conv_parts.h"
#include "kernels/cuda/dense_conv_direct.h"
#include "kernels/cuda/dense_conv_gemm.h"

namespace vitrine::VITRINE_GPU {
namespace {

void run_gemm_of(const ConvForward& args, bool packs, GemmTiling tiling, Context& context) {
    dense_forward_products(args, packs, tiling, context);
}
void run_gemm_of(const ConvBackward& args, bool packs, GemmTiling tiling, Context& context) {
    dense_backward_products(args, packs, tiling, context);
}

template <bool packs, class Args>
void run_products(const Args& args, Context& context) {
    run_gemm_of(args, packs, GemmTiling::by_shape, context);
}

template <GemmTiling tiling, class Args>
void run_tile(const Args& args, Context& context) {
    run_gemm_of(args, refuses_dense_packs(args) == nullptr, tiling, context);
}

template <class Args>
const char* refuses_tile(const Args& args) {
    if (args.dtype == DType::f64) return "doubles have one tile only";
    return refuses_dense_products(args);
}

template <class Args>
const char* refuses_tensors(const Args& args) {
    if (const char* reason = refuses_tensor_cores(args.dtype)) return reason;
    return refuses_dense_packs(args);
}
template <class Args>
const char* refuses_half_tensors(const Args& args) {
    if (const char* reason = refuses_half_tensor_cores(args.dtype)) return reason;
    return refuses_dense_packs(args);
}
template <class Args>
const char* refuses_half_singles(const Args& args) {
    if (const char* reason = refuses_half_tensor_cores(args.dtype)) return reason;
    return refuses_dense_singles(args);
}

constexpr Implementation<ConvForward> forward_list[]{
    {"half_tensor_cores", refuses_curve<ConvForward, refuses_half_tensors>,
     run_tile<GemmTiling::half_tensor_128x64>, StorageTypes::all},
    {"half_tensor_cores_singles", refuses_curve<ConvForward, refuses_half_singles>, dense_forward_singles,
     StorageTypes::all},
    {"implicit_gemm", refuses_curve<ConvForward, refuses_dense_packs>, run_products<true>, StorageTypes::all},
    {"implicit_gemm_singles", refuses_curve<ConvForward, refuses_dense_products>, run_products<false>,
     StorageTypes::all},
    {"implicit_gemm_128x64", refuses_curve<ConvForward, refuses_tile>, run_tile<GemmTiling::tile_128x64>,
     StorageTypes::all},
    {"implicit_gemm_128x32", refuses_curve<ConvForward, refuses_tile>, run_tile<GemmTiling::tile_128x32>,
     StorageTypes::all},
    {"tensor_cores", refuses_curve<ConvForward, refuses_tensors>, run_tile<GemmTiling::tensor_128x64>},
    {"direct", refuses_curve<ConvForward>, dense_forward_direct, StorageTypes::all},
    {"unfused", refuses_clamp<ConvForward>, run_unfused<dense_conv_forward>, StorageTypes::all},
};
constexpr Implementation<ConvBackward> backward_list[]{
    {"half_tensor_cores", refuses_curve<ConvBackward, refuses_half_tensors>,
     run_tile<GemmTiling::half_tensor_128x64>, StorageTypes::all},
    {"half_tensor_cores_singles", refuses_curve<ConvBackward, refuses_half_singles>, dense_backward_singles,
     StorageTypes::all},
    {"implicit_gemm", refuses_curve<ConvBackward, refuses_dense_packs>, run_products<true>,
     StorageTypes::all},
    {"implicit_gemm_singles", refuses_curve<ConvBackward, refuses_dense_products>, run_products<false>,
     StorageTypes::all},
    {"implicit_gemm_128x64", refuses_curve<ConvBackward, refuses_tile>, run_tile<GemmTiling::tile_128x64>,
     StorageTypes::all},
    {"implicit_gemm_128x32", refuses_curve<ConvBackward, refuses_tile>, run_tile<GemmTiling::tile_128x32>,
     StorageTypes::all},
    {"tensor_cores", refuses_curve<ConvBackward, refuses_tensors>, run_tile<GemmTiling::tensor_128x64>},
    {"direct_chunks", refuses_curve<ConvBackward>, dense_backward_direct_chunks, StorageTypes::all},
    {"direct", refuses_curve<ConvBackward>, dense_backward_direct, StorageTypes::all},
    {"unfused", refuses_clamp<ConvBackward>, run_unfused<dense_conv_backward>, StorageTypes::all},
};

}  // namespace

const Kernel<ConvForward> dense_conv_forward{"dense_conv_forward", forward_list};
const Kernel<ConvBackward> dense_conv_backward{"dense_conv_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU
