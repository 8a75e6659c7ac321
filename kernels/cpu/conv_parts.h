// The prologue and the epilogue as passes of their own, around a convolution that knows neither.
//
// An implementation that cannot fuse them (a library's, or a simple one of ours) becomes complete by running
// inside these: the formulas are those of kernels/conv.h, one part after the other, through scratch memory.
#pragma once

#include "kernels/context.h"
#include "kernels/conv.h"
#include "kernels/conv_fusion.h"

namespace vitrine::cpu {

/// Runs `plain` with neither prologue nor epilogue; its other arguments are those of `args`.
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

/// g = d_y plus the epilogue's part, in scratch memory; d_y itself if there is none.
const void* gradient_through_epilogue(const ConvBackward& args, Context& context);

/// d_bias from that g.
void bias_gradient(const ConvBackward& args, const void* g, Context& context);

}  // namespace vitrine::cpu
