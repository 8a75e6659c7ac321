// Dense convolution as implicit matrix products: the windows are gathered while tiles are loaded
// (dense_conv_operands.h), the products are those of gemm.h.
//
//     y        [pixels, out]   windows of a [pixels, taps · in]   · weightᵀ [taps · in, out]
//     d_weight [out, taps · in]            gᵀ [out, pixels]       · windows of a [pixels, taps · in]
//     d_a      [in pixels, in]   windows of g [in pixels, taps · out]   · weight [taps · out, in]
//
// FLOPs: 2 · M · K · out each, M the output pixels, K = taps · in; d_a needs no more than that with any
// stride (dense_conv_gemm_d_x.cu). Bytes from global memory or L2 for a multiply-add of floats: 4 / rows + 4
// / columns of the block tile, 0.094 with 128 × 64; from DRAM, x (read by `taps` windows, which share it in
// L2), the weight and y once. On an H100 (67 TFLOP/s, 3.0 TB/s: 22 FLOPs a byte) that is 2 · K · out / (4 ·
// (in + out)) FLOPs a byte for stride 1: 144 for 64 channels and 3×3, bound by arithmetic. MobileNetV2's stem
// (27 · 32 multiply-adds for 4 · (4 · 3 + 32) bytes: 10) is bound by memory, mostly by writing y.
#pragma once

#include "kernels/cuda/dense_conv_operands.h"
#include "kernels/cuda/gemm_split.h"

namespace vitrine::VITRINE_GPU {

// Null, or why not. `packs`: channels in whole packs, every pointer aligned. `singles`: one group, indices
// that fit into 32 bits.
const char* refuses_dense_forward_packs(const ConvForward& args);
const char* refuses_dense_backward_packs(const ConvBackward& args);
const char* refuses_dense_forward_singles(const ConvForward& args);
const char* refuses_dense_backward_singles(const ConvBackward& args);

void dense_forward_gemm_packs(const ConvForward& args, Context& context);
void dense_forward_gemm_singles(const ConvForward& args, Context& context);
void dense_backward_gemm_packs(const ConvBackward& args, Context& context);
void dense_backward_gemm_singles(const ConvBackward& args, Context& context);

/// d_x, d_scale and d_shift: the part of the backward that dense_conv_gemm_d_x.cu has. V is Pack<T> or
/// Single<T>.
template <class V, class T>
void dense_input_gradients(const ConvBackward& args, Context& context);

/// The windows of the forward pass.
inline Windows forward_windows(const ConvShape& shape) {
    const Size2 out = shape.out();
    return {{Divisor(out.height * out.width), Divisor(out.width), static_cast<int>(-shape.padding.height),
             static_cast<int>(-shape.padding.width), static_cast<int>(shape.stride.height),
             static_cast<int>(shape.stride.width)},
            {Divisor(shape.in_channels), Divisor(shape.kernel.width), 1},
            {static_cast<int>(shape.in.height), static_cast<int>(shape.in.width),
             static_cast<int>(shape.in_channels)}};
}

/// An epilogue: `whole` where k is not split, else the sums go to the parts of a split product.
template <class T, class Whole>
struct GemmWholeOrPart {
    Whole whole;
    PutPartial<T> part;  // without memory: there is one split
    bool packs_of_parts;

    template <class Tile>
    __device__ __forceinline__ void operator()(const GemmPlace<T, Tile>& place,
                                               T (&sums)[Tile::thread_rows][Tile::thread_columns],
                                               T* shared) const {
        if (part.partials != nullptr) {
            GemmStore<T, PutPartial<T>>{part, packs_of_parts}(place, sums, shared);
        } else {
            whole(place, sums, shared);
        }
    }
};

/// C = A · B, given to the epilogue `whole` in one kernel, or where k is split added up to `put` in a second.
template <class A, class B, class Whole, class Put>
void run_whole_or_split(const GemmPlan& plan, int64_t m, int64_t n, int64_t k, const A& a, const B& b,
                        const Whole& whole, const Put& put, bool packs, Context& context) {
    using T = typename A::Element;
    if (m * n == 0) return;
    T* partials = plan.splits == 1 ? nullptr : context.scratch.take<T>(plan.splits * m * n);
    const GemmWholeOrPart<T, Whole> epilogue{
        whole, {partials, static_cast<int>(n), m * n}, packs_fit<T>(n, partials)};
    run_gemm(plan, m, n, k, a, b, epilogue);
    if (partials != nullptr) run_sum_splits(partials, plan.splits, m, n, packs, put);
}

}  // namespace vitrine::VITRINE_GPU
