// Pointwise convolution, backward, by the products of gemm.h:
//
//     d_a      [pixels, in] = g [pixels, out] · weight
//     d_weight [out, in]    = gᵀ · a, a sum over the pixels
//
// g comes from d_y (and y) and a from x while they are loaded, so nothing but the results is ever stored.
// Bytes of floats, at least: d_a reads d_y [and y], then x for the prologue's chain rule, and writes d_x: 4 ·
// pixels · (out + in), with prologue and epilogue 4 · pixels · (2 · out + 2 · in). d_weight reads d_y [and y]
// and x: 4 · pixels · (out + in), and for each further tile of 64 input (128 output) channels d_y (x) again
// from L2. FLOPs: 2 · pixels · in · out each.

#include "kernels/cuda/gemm_conv.h"
#include "kernels/cuda/pointwise_conv.h"

namespace vitrine::VITRINE_GPU {
namespace {

template <class V, class T>
void input_gradient(const ConvBackward& args, GemmTiling tiling, Context& context) {
    const int in = static_cast<int>(args.shape.in_channels);
    const int out = static_cast<int>(args.shape.out_channels);
    const LinesOfMatrix<UpstreamSource<V, T>> g{UpstreamSource<V, T>(args), out};
    const RowsOfDepth<PlainSource<V, T>> weight{{static_cast<const T*>(args.weight)}, in};
    run_conv_input_gradient(args, out, g, weight, context, tiling);
}

template <class V, class T>
void weight_gradient(const ConvBackward& args, GemmTiling tiling, Context& context) {
    const int in = static_cast<int>(args.shape.in_channels);
    const int out = static_cast<int>(args.shape.out_channels);
    const RowsOfDepth<UpstreamSource<V, T>> g{UpstreamSource<V, T>(args), out};
    const RowsOfDepth<PrologueSource<V, T>> a{PrologueSource<V, T>(args.x, args.prologue), in};
    run_conv_weight_gradient(args, in, g, a, context, tiling);
}

template <class V, class T>
void backward(const ConvBackward& args, GemmTiling tiling, Context& context) {
    input_gradient<V, T>(args, tiling, context);
    weight_gradient<V, T>(args, tiling, context);
    bias_gradient(args, context);
}

}  // namespace

const char* refuses_pointwise_products(const ConvBackward& args) {
    return fits_int(args.shape) ? nullptr : "a tensor has 2^31 elements or more";
}

const char* refuses_pointwise_packs(const ConvBackward& args) {
    const int64_t size = static_cast<int64_t>(16 / size_of(args.dtype));
    if (args.shape.in_channels % size != 0) return "the input channels are no multiple of 16 bytes";
    if (args.shape.out_channels % size != 0) return "the output channels are no multiple of 16 bytes";
    if (!aligned(args.x, args.weight, args.prologue.scale, args.prologue.shift, args.d_y, args.y, args.mean,
                 args.d_mean, args.d_m2)) {
        return "a pointer is not aligned to 16 bytes";
    }
    return refuses_pointwise_products(args);
}

void pointwise_backward_products(const ConvBackward& args, bool packs, GemmTiling tiling, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() {
        with_values<T>(packs, [&]<class V>() { backward<V, T>(args, tiling, context); });
    });
}

}  // namespace vitrine::VITRINE_GPU
