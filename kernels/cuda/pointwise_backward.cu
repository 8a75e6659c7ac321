// Pointwise convolution, backward, by the products of gemm.h:
//
//     d_a      [pixels, in] = g [pixels, out] · weight            (pointwise_backward_d_x.cu)
//     d_weight [out, in]    = gᵀ · a, a sum over the pixels
//
// g comes from d_y (and y) and a from x while they are loaded, so nothing but the results is ever stored.
// Bytes of floats, at least: d_a reads d_y [and y], then x for the prologue's chain rule, and writes d_x: 4 ·
// pixels · (out + in), with prologue and epilogue 4 · pixels · (2 · out + 2 · in). d_weight reads d_y [and y]
// and x: 4 · pixels · (out + in), and for each further tile of 64 input (128 output) channels d_y (x) again
// from L2. FLOPs: 2 · pixels · in · out each.
//
// Products that are too small to fill a GPU run in one launch (gemm_pair.h): d_y, y and x then come from memory once,
// 4 · pixels · (2 · out + 2 · in) with d_x, and once more from the cache.

#include "kernels/cuda/gemm_conv.h"
#include "kernels/cuda/gemm_pair.h"
#include "kernels/cuda/pointwise_conv.h"
#include "kernels/cuda/pointwise_factors.h"

namespace vitrine::VITRINE_GPU {
namespace {

/// d_weight and d_bias.
template <class V, class T>
void weight_gradients(const ConvBackward& args, GemmTiling tiling, Context& context) {
    const WeightGradientFactors<V, T> factors(args);
    run_conv_weight_gradient(args, args.shape.in_channels, factors.g, factors.a, context, tiling);
    bias_gradient(args, context);
}

GemmPlan pair_plan_of_input_gradient(const ConvBackward& args) {
    const ConvShape& shape = args.shape;
    return plan_of_pair(args.dtype, shape.in_pixels(), shape.in_channels, shape.out_channels);
}

template <class T>
void backward_in_one_launch(const ConvBackward& args, Context& context) {
    using A = Accumulate<T>;
    const InputGradientFactors<Pack<A>, T> of_input(args);
    const WeightGradientFactors<Pack<A>, T> of_weight(args);
    const int64_t pixels = args.shape.in_pixels(), in = args.shape.in_channels, out = args.shape.out_channels;
    const int row_length = static_cast<int>(in);
    const GemmPlan plan = pair_plan_of_input_gradient(args);
    PrologueSums<A> sums;
    if (args.d_scale || args.d_shift)
        sums = {plan.row_tiles, plan.column_tiles, 2, in, PutPrologueSums<A>(args, context), context};
    const GemmChainRule<T> through_prologue{
        PrologueOn<A>(args.prologue),
        static_cast<const T*>(args.x),
        {ValuesWriter<T>(args.d_x), row_length},
        packs_fit<T>(in, args.d_x.data, args.x, args.prologue.scale, args.prologue.shift),
        sums};
    const GemmStore<A, PutGradient<A>> to_weight{{ValuesWriter<A>(args.d_weight), row_length},
                                                 packs_fit<A>(in, args.d_weight.data)};
    run_gemm_pair(PlannedProduct{plan, pixels, in, out, of_input.g, of_input.weight, through_prologue},
                  PlannedProduct{plan_of_pair(args.dtype, out, in, pixels), out, in, pixels, of_weight.g,
                                 of_weight.a, to_weight},
                  context);
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

const char* refuses_pointwise_one_launch(const ConvBackward& args) {
    if (!args.d_x || !args.d_weight) return "only one of the two gradients is wanted";
    if (args.shape.in_pixels() == 0) return "there are no pixels";
    const GemmPlan plan = pair_plan_of_input_gradient(args);
    if (plan.row_tiles * plan.column_tiles >= enough_blocks) return "the gradient of x alone fills a GPU";
    return refuses_pointwise_packs(args);
}

void pointwise_backward_one_launch(const ConvBackward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() { backward_in_one_launch<T>(args, context); });
}

void pointwise_backward_products(const ConvBackward& args, bool packs, GemmTiling tiling, Context& context) {
    pointwise_input_gradients(args, packs, tiling, context);
    dispatch_storage(args.dtype, [&]<class T>() {
        with_loads<T>(packs, tiling, [&]<class V>() { weight_gradients<V, T>(args, tiling, context); });
    });
}

}  // namespace vitrine::VITRINE_GPU
