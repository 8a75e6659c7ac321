// Pointwise convolution: a matrix product whose rows are the pixels. The list of its implementations.
//
//     half_one_pass           backward: both gradients from one reading of d_y, y and x, by tensor cores; bf16 from 8.0 on
//                             and f16, where pixels are many and channels few; loads of 16 bytes
//     one_pass                backward: both gradients from one reading of d_y, y and x, where pixels are many and channels
//                             few; loads of 16 bytes
//     one_launch              backward: both products side by side, where they are too small for a launch each; loads
//                             of 16 bytes
//     half_tensor_cores       the product of gemm.h by tensor cores (gemm_half_tensor.h); bf16 from 8.0 on and f16; loads
//                             of 16 bytes
//     register_tiled          the product of gemm.h, with prologue and epilogue inside; loads of 16 bytes
//     register_tiled_singles  the same with single loads, where channels are no multiple of a pack
//     register_tiled_128x64   one block tile for all shapes, for comparison; no doubles
//     register_tiled_128x32
//     half_tensor_cores_128x96  the same of half_tensor_cores
//     tensor_cores            the same product by tensor cores, from 8.0 on (gemm_tensor.h); floats and loads of 16 bytes
//                             only
//     unfused                 for prologues that none of these takes in: passes around the first of them
//     tiled                   a 16 × 16 tile in shared memory, an output for each thread
//     naive                   an output for each thread, from global memory
//
// The last two (gemm_ladder.h) know neither prologue nor epilogue, which become passes of their own around
// them: 4 · 2 · pixels · in bytes more before the product, and 4 · pixels · out behind it.

#include "kernels/cuda/pointwise_conv.h"

#include <algorithm>
#include <array>

#include "kernels/cuda/conv_parts.h"
#include "kernels/cuda/gemm_ladder.h"

namespace vitrine::VITRINE_GPU {
namespace {

template <class Rung>
void plain_forward(const ConvForward& args, Context&) {
    const ConvShape& shape = args.shape;
    dispatch_float(args.dtype, [&]<class T>() {
        Rung::run(matrix_of<T>(args.x, shape.in_pixels(), shape.in_channels),
                  transposed(matrix_of<T>(args.weight, shape.out_channels, shape.in_channels)),
                  static_cast<const T*>(args.bias), GradientWriter<T>(Gradient{args.y}));
    });
}

template <class Rung>
void plain_backward(const ConvBackward& args, Context&) {
    const ConvShape& shape = args.shape;
    dispatch_float(args.dtype, [&]<class T>() {
        const T* no_bias = nullptr;
        const auto x = matrix_of<T>(args.x, shape.in_pixels(), shape.in_channels);
        const auto weight = matrix_of<T>(args.weight, shape.out_channels, shape.in_channels);
        const auto d_y = matrix_of<T>(args.d_y, shape.out_pixels(), shape.out_channels);
        if (args.d_x) Rung::run(d_y, weight, no_bias, GradientWriter<T>(args.d_x));
        if (args.d_weight) Rung::run(transposed(d_y), x, no_bias, GradientWriter<T>(args.d_weight));
    });
}

template <class Rung>
void run_rung(const ConvForward& args, Context& context) {
    forward_around(args, context, plain_forward<Rung>);
}
template <class Rung>
void run_rung(const ConvBackward& args, Context& context) {
    backward_around(args, context, plain_backward<Rung>);
}

template <bool packs>
void run_products(const ConvForward& args, Context& context) {
    pointwise_forward_products(args, packs, GemmTiling::by_shape, context);
}
template <bool packs>
void run_products(const ConvBackward& args, Context& context) {
    pointwise_backward_products(args, packs, GemmTiling::by_shape, context);
}

template <class Args>
const char* refuses_tile(const Args& args) {
    if (args.dtype == DType::f64) return "doubles have one tile only";
    return refuses_pointwise_products(args);
}

template <class Args>
const char* refuses_tensors(const Args& args) {
    if (const char* reason = refuses_tensor_cores(args.dtype)) return reason;
    return refuses_pointwise_packs(args);
}
template <class Args>
const char* refuses_half_tensors(const Args& args) {
    if (const char* reason = refuses_half_tensor_cores(args.dtype)) return reason;
    return refuses_pointwise_packs(args);
}

template <GemmTiling tiling>
void run_tile(const ConvForward& args, Context& context) {
    pointwise_forward_products(args, refuses_pointwise_packs(args) == nullptr, tiling, context);
}
template <GemmTiling tiling>
void run_tile(const ConvBackward& args, Context& context) {
    pointwise_backward_products(args, refuses_pointwise_packs(args) == nullptr, tiling, context);
}

/// What forward and backward have in common.
template <const auto& kernel, class Args = typename std::remove_cvref_t<decltype(kernel)>::Arguments>
constexpr std::array<Implementation<Args>, 10> products{
    {{"half_tensor_cores", refuses_curve<Args, refuses_half_tensors>, run_tile<GemmTiling::half_tensor>,
      StorageTypes::all},
     {"register_tiled", refuses_curve<Args, refuses_pointwise_packs>, run_products<true>, StorageTypes::all},
     {"register_tiled_singles", refuses_curve<Args, refuses_pointwise_products>, run_products<false>,
      StorageTypes::all},
     {"register_tiled_128x64", refuses_curve<Args, refuses_tile>, run_tile<GemmTiling::tile_128x64>,
      StorageTypes::all},
     {"register_tiled_128x32", refuses_curve<Args, refuses_tile>, run_tile<GemmTiling::tile_128x32>,
      StorageTypes::all},
     {"half_tensor_cores_128x96", refuses_curve<Args, refuses_half_tensors>,
      run_tile<GemmTiling::half_tensor_128x96>, StorageTypes::all},
     {"tensor_cores", refuses_curve<Args, refuses_tensors>, run_tile<GemmTiling::tensor_128x64>},
     {"unfused", refuses_clamp<Args>, run_unfused<kernel>, StorageTypes::all},
     {"tiled", refuses_nothing, run_rung<TiledProduct>, StorageTypes::all},
     {"naive", refuses_nothing, run_rung<NaiveProduct>, StorageTypes::all}}};

constexpr auto forward_list = products<pointwise_conv_forward>;
constexpr auto backward_list = [] {
    std::array<Implementation<ConvBackward>, 13> list{
        {{"half_one_pass", refuses_curve<ConvBackward, refuses_pointwise_half_one_pass>,
          pointwise_backward_half_one_pass, StorageTypes::all},
         {"one_pass", refuses_curve<ConvBackward, refuses_pointwise_one_pass>, pointwise_backward_one_pass,
          StorageTypes::all},
         {"one_launch", refuses_curve<ConvBackward, refuses_pointwise_one_launch>,
          pointwise_backward_one_launch, StorageTypes::all}}};
    std::ranges::copy(products<pointwise_conv_backward>, list.begin() + 3);
    return list;
}();

}  // namespace

const Kernel<ConvForward> pointwise_conv_forward{"pointwise_conv_forward", forward_list};
const Kernel<ConvBackward> pointwise_conv_backward{"pointwise_conv_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU
