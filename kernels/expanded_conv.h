// A depthwise convolution of a tensor that is never written: a pointwise convolution makes it out of a narrow one, and it
// lives no longer than a few of its rows are needed.
//
// An inverted residual (MobileNetV2) widens its input by six, convolves each of the wide channels by itself, and goes back
// to a few. The wide tensor between the first two is a sixth of arithmetic away from the narrow one, and writing and
// reading it is most of what the block moves. What one kernel computes:
//
//     a = activation₁(scale₁ · x + shift₁)      [narrow]     the input's prologue
//     e = expansion · a                         [channels]   at each pixel; never stored
//     b = activation(scale · e + shift)         [channels]   the prologue between the two, then zero padding
//     y = depthwise(weight, b)                  and the moments of y: as in kernels/conv.h
//
// The batch norm between the two needs the moments of e before any e is there: they follow from those of a alone. With
// μ = Σ a / M and S = Σ (a − μ)(a − μ)ᵀ over the M pixels, and w_o a row of the expansion,
//
//     mean_o = w_o · μ        m2_o = w_oᵀ S w_o
//
// Or e's pixels are made of windows of x, as a dense convolution makes them: the first layer's, of an image. There a is what a
// window holds, zeros outside of x, and x is whole and has no gradient: it has no prologue, and there is no d_x.
//
// Backward makes e once more, and is the plain chain rule; where e's batch norm comes in, it too needs no e:
//
//     d_a = Σ_o w_o · (d_mean_o / M + 2 · d_m2_o · w_o · (a − μ))        d_w_o = d_mean_o · μ + 2 · d_m2_o · S w_o
//
// So d_x has two parts, and the second takes the mean out of the first, a little of each number. Were the first rounded to 16
// bits by itself, such a little would be lost in rounding it again: there it is handed on as it is computed (wide_d_x), and the
// sum is rounded once (d_x_so_far).
#pragma once

#include "kernels/conv.h"

namespace vitrine {

/// The windows of x that e's pixels are made of, one each: a is [kernel.height, kernel.width, channels].
struct InputWindows {
    Size2 in;              // of x, in pixels
    int64_t channels = 0;  // of x; 0: there are no windows, and a is a pixel of x
    Size2 kernel;
    Size2 stride;
    Size2 padding{0, 0};

    bool there() const { return channels > 0; }
    /// The convolution that they belong to.
    ConvShape shape(int64_t batch, int64_t out_channels) const {
        return {batch, in, channels, out_channels, kernel, stride, padding, 1};
    }
};

struct ExpandedConvForward {
    DType dtype = DType::f32;
    ConvShape shape;           // of the depthwise convolution
    int64_t narrow = 1;        // channels of x, or numbers of a window
    InputWindows windows;      // if any, of x [batch, windows.in.height, windows.in.width, windows.channels]
    const void* x = nullptr;   // [batch, in.height, in.width, narrow]
    Prologue narrow_prologue;  // of x: [narrow]
    const void* expansion = nullptr;  // [shape.in_channels, narrow]
    Prologue prologue;                // of e: [shape.in_channels]
    const void* weight = nullptr;     // depthwise
    void* y = nullptr;                // [batch, out.height, out.width, shape.out_channels]
    Epilogue epilogue;
};

struct ExpandedConvBackward {
    DType dtype = DType::f32;
    ConvShape shape;
    int64_t narrow = 1;
    InputWindows windows;
    const void* x = nullptr;
    Prologue narrow_prologue;
    const void* expansion = nullptr;
    Prologue prologue;
    const void* weight = nullptr;
    const void* d_y = nullptr;

    // Through the epilogue, as in ConvBackward.
    const void* y = nullptr;
    const void* mean = nullptr;
    const void* d_mean = nullptr;
    const void* d_m2 = nullptr;

    Gradient d_x;
    bool wide_d_x = false;    // d_x is of Accumulate<dtype>
    Gradient d_narrow_scale;  // only with a prologue of x
    Gradient d_narrow_shift;
    Gradient d_expansion;
    Gradient d_scale;  // only with a prologue of e
    Gradient d_shift;
    Gradient d_weight;
};

/// The moments of e = expansion · a, and those of a that they are made of.
struct ExpansionMomentsForward {
    DType dtype = DType::f32;
    int64_t pixels = 0;       // M
    int64_t narrow = 1;       // channels of x, or numbers of a window
    int64_t channels = 1;     // of e
    InputWindows windows;     // if any, of x [batch, windows.in.height, windows.in.width, windows.channels]
    const void* x = nullptr;  // [pixels, narrow]
    Prologue prologue;        // of x
    const void* expansion = nullptr;  // [channels, narrow]
    void* mean = nullptr;             // [channels]
    void* m2 = nullptr;               // [channels]
    void* centre = nullptr;           // [narrow]: μ
    void* scatter = nullptr;          // [narrow, narrow]: S
};

struct ExpansionMomentsBackward {
    DType dtype = DType::f32;
    int64_t pixels = 0;
    int64_t narrow = 1;
    int64_t channels = 1;
    InputWindows windows;
    const void* x = nullptr;
    Prologue prologue;
    const void* expansion = nullptr;
    const void* centre = nullptr;
    const void* scatter = nullptr;
    const void* d_mean = nullptr;  // [channels]
    const void* d_m2 = nullptr;    // [channels]
    /// [pixels, narrow] of Accumulate<dtype>: what is to be added before d_x is rounded; null: nothing.
    const void* d_x_so_far = nullptr;
    Gradient d_x;
    Gradient d_scale;  // only with a prologue
    Gradient d_shift;
    Gradient d_expansion;
};

/// Null, or what of windows no kernel does.
template <class Args>
const char* refuses_windows(const Args& args) {
    if (!args.windows.there()) return nullptr;
    bool plain = true, has_gradient = false;
    if constexpr (requires { args.narrow_prologue; })
        plain = args.narrow_prologue.plain();
    else
        plain = args.prologue.plain();
    if constexpr (requires { args.d_narrow_scale; })
        has_gradient = args.d_x || args.d_narrow_scale || args.d_narrow_shift;
    else if constexpr (requires { args.d_x; })
        has_gradient = args.d_x || args.d_scale || args.d_shift;
    if (!plain) return "windows of an input that is not whole";
    return has_gradient ? "windows of an input that has a gradient" : nullptr;
}

/// The convolution that makes e.
template <class Args>
ConvShape expansion_shape(const Args& args) {
    const ConvShape& shape = args.shape;
    if (args.windows.there()) return args.windows.shape(shape.batch, shape.in_channels);
    return {shape.batch, shape.in, args.narrow, shape.in_channels, {1, 1}, {1, 1}, {0, 0}, 1};
}

/// … whose moments are asked for: of windows those of whole images, else of rows of pixels.
template <class Args>
ConvShape moments_shape(const Args& args) {
    const InputWindows& windows = args.windows;
    if (!windows.there()) return {1, {args.pixels, 1}, args.narrow, args.channels, {1, 1}, {1, 1}, {0, 0}, 1};
    return windows.shape(args.pixels / windows.shape(1, 1).out_pixels(), args.channels);
}

}  // namespace vitrine
