// The prologue and the epilogue as passes of their own, around a convolution that knows neither.
//
// An implementation that cannot fuse them (a library's, or a simple one of ours) becomes complete by running
// inside these: the formulas are those of kernels/conv.h, one part after the other, through scratch memory. It computes in
// f32 or f64: of 16-bit tensors it is given wide copies.
#pragma once

#include "kernels/context.h"
#include "kernels/conv.h"
#include "kernels/conv_fusion.h"

namespace vitrine::cpu {

/// Runs `plain` with neither prologue nor epilogue, in Accumulate<dtype>; its other arguments are those of `args`.
void forward_around(const ConvForward& args, Context& context, void (*plain)(const ConvForward&, Context&));

/// Runs `plain` for d_x and d_weight alone: its d_y includes the epilogue's part, its x has been through the
/// prologue. d_bias, d_scale, d_shift and the prologue's part of d_x are computed here.
void backward_around(const ConvBackward& args, Context& context,
                     void (*plain)(const ConvBackward&, Context&));

/// "unfused" (kernels/conv_fusion.h) of the convolution `kernel`.
template <const Kernel<ConvForward>& kernel>
void run_unfused(const ConvForward& args, Context& context) {
    forward_around(args, context, run_first<kernel>);
}
template <const Kernel<ConvBackward>& kernel>
void run_unfused(const ConvBackward& args, Context& context) {
    backward_around(args, context, run_first<kernel>);
}

/// Whether the epilogue has a part in the gradient.
inline bool changes_gradient(const ConvBackward& args) {
    return args.d_mean != nullptr || args.d_m2 != nullptr;
}

/// g = d_y plus the epilogue's part, in scratch memory, of Accumulate<dtype>; d_y itself if there is none.
const void* gradient_through_epilogue(const ConvBackward& args, Context& context);

/// d_bias from a g of Accumulate<dtype>.
void bias_gradient(const ConvBackward& args, const void* g, Context& context);

}  // namespace vitrine::cpu
