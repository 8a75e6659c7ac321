// The expanded convolution (kernels/expanded_conv.h) as the two convolutions that it is, one after the other through scratch
// memory: on any device, for any shape.
//
// e lies between the two, and is not rounded there: of 16-bit tensors both are given wide copies, and what they make is
// narrowed. A device's `Copies` makes them.
#pragma once

#include "kernels/conv_fusion.h"
#include "kernels/expanded_conv.h"

namespace vitrine {

/// In the host's memory.
struct HostCopies {
    /// Rows of `channels` values of a 16-bit type as floats, in scratch.
    static const float* widen(DType half, const void* from, int64_t rows, int64_t channels,
                              Context& context) {
        float* wide = context.scratch.take<float>(rows * channels);
        dispatch_half(half, [&]<class T>() {
            for (int64_t i = 0; i < rows * channels; ++i)
                wide[i] = static_cast<float>(static_cast<const T*>(from)[i]);
        });
        return wide;
    }

    /// Floats rounded to a 16-bit type.
    static void narrow(DType half, const float* from, int64_t rows, int64_t channels, const Gradient& to) {
        dispatch_half(half, [&]<class T>() {
            const GradientWriter<T> write(to);
            for (int64_t i = 0; i < rows * channels; ++i) write(i, from[i]);
        });
    }
};

/// What both passes read, wide.
template <class Copies, class Args>
Args with_wide_operands(const Args& args, Context& context) {
    const ConvShape &shape = args.shape, expansion = expansion_shape(args);
    const int64_t channels = shape.in_channels;
    Args wide = args;
    wide.dtype = DType::f32;
    wide.x = Copies::widen(args.dtype, args.x, expansion.in_pixels(), expansion.in_channels, context);
    wide.expansion = Copies::widen(args.dtype, args.expansion, channels, args.narrow, context);
    wide.weight = Copies::widen(args.dtype, args.weight, shape.weight_count() / channels, channels, context);
    return wide;
}

/// The convolution that makes e.
template <class Args>
ConvForward expanding(const Args& args, void* e) {
    return {.dtype = args.dtype,
            .shape = expansion_shape(args),
            .x = args.x,
            .weight = args.expansion,
            .bias = nullptr,
            .prologue = args.narrow_prologue,
            .y = e,
            .epilogue = {}};
}

/// The convolution of e.
inline ConvForward convolving(const ExpandedConvForward& args, const void* e) {
    return {.dtype = args.dtype,
            .shape = args.shape,
            .x = e,
            .weight = args.weight,
            .bias = nullptr,
            .prologue = args.prologue,
            .y = args.y,
            .epilogue = args.epilogue};
}

/// A device's convolutions of one kind.
template <const Kernel<ConvForward>& forward_kernel, const Kernel<ConvBackward>& backward_kernel>
struct Convolution {
    static void run(const ConvForward& args, Context& context) { run_first<forward_kernel>(args, context); }
    static void run(const ConvBackward& args, Context& context) { run_first<backward_kernel>(args, context); }
};

/// The expansion: of pixels, or of windows.
template <class Pointwise, class Dense, class Args>
void run_expansion(bool windows, const Args& args, Context& context) {
    windows ? Dense::run(args, context) : Pointwise::run(args, context);
}

/// In f32 or f64.
template <class T, class Pointwise, class Dense, class Depthwise>
void forward_separately(const ExpandedConvForward& args, Context& context) {
    T* e = context.scratch.take<T>(args.shape.in_pixels() * args.shape.in_channels);
    run_expansion<Pointwise, Dense>(args.windows.there(), expanding(args, e), context);
    Depthwise::run(convolving(args, e), context);
}

/// Of a device's convolutions.
template <class Pointwise, class Dense, class Depthwise, class Copies = HostCopies>
constexpr auto expanded_separately = all_types([]<class T>(const ExpandedConvForward& args,
                                                           Context& context) {
    if constexpr (!is_half_type<T>) {
        forward_separately<T, Pointwise, Dense, Depthwise>(args, context);
    } else {
        const int64_t pixels = args.shape.out_pixels(), channels = args.shape.out_channels;
        ExpandedConvForward wide = with_wide_operands<Copies>(args, context);
        float* y = context.scratch.take<float>(pixels * channels);
        wide.y = y;
        forward_separately<float, Pointwise, Dense, Depthwise>(wide, context);
        Copies::narrow(args.dtype, y, pixels, channels, {args.y});
    }
});

/// From e and d_y to all that belongs to e: d_e, unless null, and the gradients of weight, scale and shift.
inline ConvBackward depthwise_gradients(const ExpandedConvBackward& args, const void* e, void* d_e) {
    return {.dtype = args.dtype,
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
            .d_shift = args.d_shift};
}

/// … and from d_e to all that belongs to x.
inline ConvBackward expansion_gradients(const ExpandedConvBackward& args, const void* d_e) {
    ConvBackward narrow;
    narrow.dtype = args.dtype;
    narrow.shape = expansion_shape(args);
    narrow.x = args.x;
    narrow.weight = args.expansion;
    narrow.prologue = args.narrow_prologue;
    narrow.d_y = d_e;
    narrow.d_x = args.d_x;
    narrow.d_weight = args.d_expansion;
    narrow.d_scale = args.d_narrow_scale;
    narrow.d_shift = args.d_narrow_shift;
    return narrow;
}

/// In f32 or f64.
template <class T, class Pointwise, class Dense, class Depthwise>
void backward_separately(const ExpandedConvBackward& args, Context& context) {
    const int64_t count = args.shape.in_pixels() * args.shape.in_channels;
    const bool goes_on = args.d_x || args.d_narrow_scale || args.d_narrow_shift || args.d_expansion;
    T* e = context.scratch.take<T>(count);
    T* d_e = goes_on ? context.scratch.take<T>(count) : nullptr;
    const bool windows = args.windows.there();
    run_expansion<Pointwise, Dense>(windows, expanding(args, e), context);
    Depthwise::run(depthwise_gradients(args, e, d_e), context);
    if (goes_on) run_expansion<Pointwise, Dense>(windows, expansion_gradients(args, d_e), context);
}

template <class Pointwise, class Dense, class Depthwise, class Copies = HostCopies>
constexpr auto expanded_gradients_separately = all_types([]<class T>(const ExpandedConvBackward& args,
                                                                     Context& context) {
    if constexpr (!is_half_type<T>) {
        backward_separately<T, Pointwise, Dense, Depthwise>(args, context);
    } else {
        const ConvShape& shape = args.shape;
        const auto wide_output = [&](const void* tensor) -> const void* {
            if (tensor == nullptr) return nullptr;
            return Copies::widen(args.dtype, tensor, shape.out_pixels(), shape.out_channels, context);
        };
        ExpandedConvBackward wide = with_wide_operands<Copies>(args, context);
        wide.d_y = wide_output(args.d_y);
        wide.y = wide_output(args.y);
        const bool narrows = args.d_x && !args.wide_d_x;
        const ConvShape expansion = expansion_shape(args);
        const int64_t pixels = expansion.in_pixels(), channels = expansion.in_channels;
        float* d_x = narrows ? context.scratch.take<float>(pixels * channels) : nullptr;
        if (narrows) wide.d_x = {d_x};
        backward_separately<float, Pointwise, Dense, Depthwise>(wide, context);
        if (narrows) Copies::narrow(args.dtype, d_x, pixels, channels, args.d_x);
    }
});

}  // namespace vitrine
