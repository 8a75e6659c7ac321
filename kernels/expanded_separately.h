// The expanded convolution (kernels/expanded_conv.h) as the two convolutions that it is, one after the other through scratch
// memory: on any device, for any shape.
#pragma once

#include "kernels/conv_fusion.h"
#include "kernels/expanded_conv.h"

namespace vitrine {

/// Of the convolution that makes e.
inline ConvShape expansion_shape(const ConvShape& depthwise, int64_t narrow) {
    return {depthwise.batch, depthwise.in, narrow, depthwise.in_channels, {1, 1}, {1, 1}, {0, 0}, 1};
}

/// Of a device's two convolutions.
template <const Kernel<ConvForward>& pointwise, const Kernel<ConvForward>& depthwise>
constexpr auto expanded_separately = all_types([]<class T>(const ExpandedConvForward& args,
                                                           Context& context) {
    const ConvShape expansion = expansion_shape(args.shape, args.narrow);
    T* e = context.scratch.take<T>(expansion.out_pixels() * expansion.out_channels);
    run_first<pointwise>({.dtype = args.dtype,
                          .shape = expansion,
                          .x = args.x,
                          .weight = args.expansion,
                          .bias = nullptr,
                          .prologue = args.narrow_prologue,
                          .y = e,
                          .epilogue = {}},
                         context);
    run_first<depthwise>({.dtype = args.dtype,
                          .shape = args.shape,
                          .x = e,
                          .weight = args.weight,
                          .bias = nullptr,
                          .prologue = args.prologue,
                          .y = args.y,
                          .epilogue = args.epilogue},
                         context);
});

template <const Kernel<ConvForward>& pointwise, const Kernel<ConvBackward>& pointwise_backward,
          const Kernel<ConvBackward>& depthwise_backward>
constexpr auto expanded_gradients_separately = all_types([]<class T>(const ExpandedConvBackward& args,
                                                                     Context& context) {
    const ConvShape expansion = expansion_shape(args.shape, args.narrow);
    const int64_t count = expansion.out_pixels() * expansion.out_channels;
    T* e = context.scratch.take<T>(count);
    run_first<pointwise>({.dtype = args.dtype,
                          .shape = expansion,
                          .x = args.x,
                          .weight = args.expansion,
                          .bias = nullptr,
                          .prologue = args.narrow_prologue,
                          .y = e,
                          .epilogue = {}},
                         context);
    const bool goes_on = args.d_x || args.d_narrow_scale || args.d_narrow_shift || args.d_expansion;
    T* d_e = goes_on ? context.scratch.take<T>(count) : nullptr;
    run_first<depthwise_backward>({.dtype = args.dtype,
                                   .shape = args.shape,
                                   .x = e,
                                   .weight = args.weight,
                                   .prologue = args.prologue,
                                   .d_y = args.d_y,
                                   .y = args.y,
                                   .mean = args.mean,
                                   .d_mean = args.d_mean,
                                   .d_m2 = args.d_m2,
                                   .d_x = {d_e},
                                   .d_weight = args.d_weight,
                                   .d_bias = {},
                                   .d_scale = args.d_scale,
                                   .d_shift = args.d_shift},
                                  context);
    if (!goes_on) return;
    ConvBackward narrow;
    narrow.dtype = args.dtype;
    narrow.shape = expansion;
    narrow.x = args.x;
    narrow.weight = args.expansion;
    narrow.prologue = args.narrow_prologue;
    narrow.d_y = d_e;
    narrow.d_x = args.d_x;
    narrow.d_weight = args.d_expansion;
    narrow.d_scale = args.d_narrow_scale;
    narrow.d_shift = args.d_narrow_shift;
    run_first<pointwise_backward>(narrow, context);
});

}  // namespace vitrine
