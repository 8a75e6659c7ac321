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
#include "kernels/cuda/gemm_conv.h"

namespace vitrine::VITRINE_GPU {

/// Why not, if these products cannot run; the second, with loads in packs of 16 bytes.
const char* refuses_dense_products(const ConvForward& args);
const char* refuses_dense_products(const ConvBackward& args);
const char* refuses_dense_packs(const ConvForward& args);
const char* refuses_dense_packs(const ConvBackward& args);

void dense_forward_products(const ConvForward& args, bool packs, GemmTiling tiling, Context& context);
void dense_backward_products(const ConvBackward& args, bool packs, GemmTiling tiling, Context& context);

/// The same by tensor cores, of 16-bit values that are loaded one by one (dense_conv_singles.h).
const char* refuses_dense_singles(const ConvForward& args);
const char* refuses_dense_singles(const ConvBackward& args);

void dense_forward_singles(const ConvForward& args, Context& context);
void dense_backward_singles(const ConvBackward& args, Context& context);

/// The part of the backward that makes d_x, d_scale and d_shift: see dense_conv_gemm_d_x.cu.
void dense_input_gradients(const ConvBackward& args, bool packs, GemmTiling tiling, Context& context);

}  // namespace vitrine::VITRINE_GPU
