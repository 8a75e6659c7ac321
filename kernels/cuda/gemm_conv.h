// The three products of a convolution, on the core of gemm.h. Pointwise and dense convolution differ only in
// the loaders that they pass.
//
//     forward           C = y          m = output pixels   n = out channels       k = taps · in channels
//     input gradient    C = d_a        m = input pixels    n = in channels        k = taps · out channels
//     weight gradient   C = d_weight   m = out channels    n = taps · in channels k = output pixels
//
// Prologue and epilogue need no passes of their own: loaders apply them while they read, and the product's
// epilogue leaves the statistics, or takes d_a through the prologue while it is in registers. Only where k is
// split among many blocks (few tiles of C, so C is small) do they become passes over C.
#pragma once

#include <array>

#include "kernels/cuda/channel_sums.h"
#include "kernels/cuda/gemm_split.h"

namespace vitrine::VITRINE_GPU {

/// y, mean and m2 of `args`, which stores T, from a product over k that makes y without its bias.
template <class T, class A, class B>
void run_conv_output(const ConvForward& args, int64_t k, const A& a, const B& b, Context& context,
                     GemmTiling tiling = GemmTiling::by_shape) {
    using Sum = Accumulate<T>;
    const int64_t m = args.shape.out_pixels();
    const int64_t n = args.shape.out_channels;
    GemmPlan plan = plan_gemm(args.dtype, m, n, k, tiling);
    // Moments are those of the sums: where y is their rounding, no pass behind the splits can find them.
    if (is_half_type<T> && !args.epilogue.plain()) {
        plan = with_splits(plan, k, A::Value::size > 1 ? most_splits_of_last_block : 1);
    }
    T* y = static_cast<T*>(args.y);
    const PutOutput<T> put{y, static_cast<const Sum*>(args.bias), static_cast<int>(n)};
    const bool packs = packs_fit<T>(n, args.y, args.bias);
    if (plan.splits > 1 && !last_block_adds<A>(plan)) {
        run_gemm_to(plan, m, n, k, a, b, put, packs, context);
        if constexpr (!is_half_type<T>) {
            if (args.epilogue.plain()) return;
            channel_moments(y, m, n, static_cast<T*>(args.epilogue.mean), static_cast<T*>(args.epilogue.m2),
                            context);
        }
        return;
    }
    LastMoments<Sum> moments;
    if (m == 0 && !args.epilogue.plain()) {
        finish_moments<Sum>(nullptr, 0, n, static_cast<Sum*>(args.epilogue.mean),
                            static_cast<Sum*>(args.epilogue.m2));
    } else if (!args.epilogue.plain())
        moments = {plan.row_tiles, plan.column_tiles, n, args.epilogue, context};
    run_gemm_whole(plan, m, n, k, a, b, GemmConvOutput<T>{put, packs, moments}, context);
}

/// d_x, d_scale and d_shift of `args`, from a product over k that makes d_a.
template <class T, class A, class B>
void run_conv_input_gradient(const ConvBackward& args, int64_t k, const A& a, const B& b, Context& context,
                             GemmTiling tiling = GemmTiling::by_shape) {
    using Sum = Accumulate<T>;
    if (!args.d_x && !args.d_scale && !args.d_shift) return;
    const int64_t m = args.shape.in_pixels();
    const int64_t n = args.shape.in_channels;
    const int row_length = static_cast<int>(n);
    const GemmPlan plan = plan_gemm(args.dtype, m, n, k, tiling);
    const PutGradient<T> put{ValuesWriter<T>(args.d_x), row_length};
    if (args.prologue.plain()) {
        run_gemm_to(plan, m, n, k, a, b, put, packs_fit<T>(n, args.d_x.data), context);
        return;
    }
    if (plan.splits > 1 && !last_block_adds<A>(plan)) {
        Sum* d_a = context.scratch.take<Sum>(m * n);
        run_gemm_to(plan, m, n, k, a, b, PutOutput<Sum>{d_a, nullptr, row_length}, packs_fit<Sum>(n, d_a),
                    context);
        prologue_gradient(args, d_a, context);
        return;
    }
    const bool packs = packs_fit<T>(n, args.d_x.data, args.x, args.prologue.scale, args.prologue.shift);
    PrologueSums<Sum> sums;
    const bool wants_sums = args.d_scale || args.d_shift;
    if (wants_sums && m == 0) {
        finish_sums<Sum>(nullptr, 0, n, std::array{args.d_scale, args.d_shift});
    } else if (wants_sums) {
        sums = {plan.row_tiles, plan.column_tiles, 2, n, PutPrologueSums<Sum>(args, context), context};
    }
    run_gemm_whole(
        plan, m, n, k, a, b,
        GemmChainRule<T>{PrologueOn<Sum>(args.prologue), static_cast<const T*>(args.x), put, packs, sums},
        context);
}

/// d_weight [out_channels, n] of `args`, from a product over the output pixels.
template <class A, class B>
void run_conv_weight_gradient(const ConvBackward& args, int64_t n, const A& a, const B& b, Context& context,
                              GemmTiling tiling = GemmTiling::by_shape) {
    using T = typename A::Element;
    if (!args.d_weight) return;
    const int64_t m = args.shape.out_channels;
    const int64_t k = args.shape.out_pixels();
    const PutGradient<T> put{ValuesWriter<T>(args.d_weight), static_cast<int>(n)};
    run_gemm_to(plan_gemm(args.dtype, m, n, k, tiling), m, n, k, a, b, put,
                packs_fit<T>(n, args.d_weight.data), context);
}

/// Whether every tensor of a convolution can be indexed with 32 bits.
inline bool fits_int(const ConvShape& shape) {
    return fits_int(shape.in_pixels() * shape.in_channels) &&
           fits_int(shape.out_pixels() * shape.out_channels) && fits_int(shape.weight_count());
}

}  // namespace vitrine::VITRINE_GPU
