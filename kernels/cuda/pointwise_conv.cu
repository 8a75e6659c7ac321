// Pointwise convolution: a matrix product whose rows are the pixels. The list of its implementations.
//
//     register_tiled          the product of gemm.h, with prologue and epilogue inside; loads of 16 bytes
//     register_tiled_singles  the same with single loads, where channels are no multiple of a pack
//     tiled                   a 16 × 16 tile in shared memory, an output for each thread
//     naive                   an output for each thread, from global memory
//
// The last two (gemm_ladder.h) know neither prologue nor epilogue, which become passes of their own around
// them: 4 · 2 · pixels · in bytes more before the product, and 4 · pixels · out behind it.

#include "kernels/cuda/pointwise_conv.h"

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
void run_forward(const ConvForward& args, Context& context) {
    forward_around(args, context, plain_forward<Rung>);
}

template <class Rung>
void run_backward(const ConvBackward& args, Context& context) {
    backward_around(args, context, plain_backward<Rung>);
}

constexpr Implementation<ConvForward> forward_list[]{
    {"register_tiled", refuses_pointwise_packs, pointwise_forward_packs},
    {"register_tiled_singles", refuses_pointwise_singles, pointwise_forward_singles},
    {"tiled", refuses_nothing, run_forward<TiledProduct>},
    {"naive", refuses_nothing, run_forward<NaiveProduct>}};
constexpr Implementation<ConvBackward> backward_list[]{
    {"register_tiled", refuses_pointwise_packs, pointwise_backward_packs},
    {"register_tiled_singles", refuses_pointwise_singles, pointwise_backward_singles},
    {"tiled", refuses_nothing, run_backward<TiledProduct>},
    {"naive", refuses_nothing, run_backward<NaiveProduct>}};

}  // namespace

const Kernel<ConvForward> pointwise_conv_forward{"pointwise_conv_forward", forward_list};
const Kernel<ConvBackward> pointwise_conv_backward{"pointwise_conv_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU
