// The kernels of pointwise convolution: see pointwise_conv.cu.
#pragma once

#include "kernels/cuda/gemm.h"

namespace vitrine::VITRINE_GPU {

/// Why not, if these products cannot run; the second, with loads in packs of 16 bytes.
const char* refuses_pointwise_products(const ConvForward& args);
const char* refuses_pointwise_products(const ConvBackward& args);
const char* refuses_pointwise_packs(const ConvForward& args);
const char* refuses_pointwise_packs(const ConvBackward& args);

/// Both gradients from one reading of d_y, y and x: see pointwise_one_pass.cu.
const char* refuses_pointwise_one_pass(const ConvBackward& args);
void pointwise_backward_one_pass(const ConvBackward& args, Context& context);

/// The same by tensor cores, of 16-bit values: see pointwise_half_one_pass.cu.
const char* refuses_pointwise_half_one_pass(const ConvBackward& args);
void pointwise_backward_half_one_pass(const ConvBackward& args, Context& context);

/// Both products in one launch.
const char* refuses_pointwise_one_launch(const ConvBackward& args);
void pointwise_backward_one_launch(const ConvBackward& args, Context& context);

void pointwise_forward_products(const ConvForward& args, bool packs, GemmTiling tiling, Context& context);
void pointwise_backward_products(const ConvBackward& args, bool packs, GemmTiling tiling, Context& context);
/// The part of these that makes d_x, d_scale and d_shift: see pointwise_backward_d_x.cu.
void pointwise_input_gradients(const ConvBackward& args, bool packs, GemmTiling tiling, Context& context);

}  // namespace vitrine::VITRINE_GPU
