// The prologue and the epilogue of convolutions, in two forms: as functors that a kernel applies to each
// element it reads, and as passes of their own around a kernel that knows neither.
//
// The formulas are those of kernels/conv.h.
#pragma once

#include "kernels/conv_fusion.h"
#include "kernels/cuda/channel_last.h"

namespace vitrine::VITRINE_GPU {

/// a = activation(u), u = scale_c · x + shift_c, where the activation is a clamp. Kernels take it by value. T is Accumulate
/// of what x is stored in.
template <class T>
struct PrologueOn {
    const T* scale;
    const T* shift;
    Activation activation;

    explicit PrologueOn(const Prologue& prologue)
        : scale(static_cast<const T*>(prologue.scale)),
          shift(static_cast<const T*>(prologue.shift)),
          activation(prologue.activation) {}

    __device__ __forceinline__ T before_activation(T x, int64_t channel) const {
        return scale == nullptr ? x : multiply_add(scale[channel], x, shift[channel]);
    }
    __device__ __forceinline__ T operator()(T x, int64_t channel) const {
        return clamped(activation, before_activation(x, channel));
    }
};

/// g = d_y, plus what comes through the epilogue: d_mean_o / M + 2 · d_m2_o · (y − mean_o). Kernels take it
/// by value.
template <class T>
struct UpstreamOn {
    using A = Accumulate<T>;

    const T* d_y;
    const T* y;
    const A* mean;
    const A* d_mean;  // null: d_y alone
    const A* d_m2;
    A share;  // 1 / M: to divide takes a GPU about ten instructions

    explicit UpstreamOn(const ConvBackward& args)
        : d_y(static_cast<const T*>(args.d_y)),
          y(static_cast<const T*>(args.y)),
          mean(static_cast<const A*>(args.mean)),
          d_mean(static_cast<const A*>(args.d_mean)),
          d_m2(static_cast<const A*>(args.d_m2)),
          share(static_cast<A>(1.0 / static_cast<double>(args.shape.out_pixels()))) {}

    __host__ __device__ bool plain() const { return d_mean == nullptr; }

    __device__ __forceinline__ A operator()(int64_t index, int64_t channel) const {
        const A upstream = load_value(d_y + index);
        return d_mean == nullptr ? upstream : through(upstream, load_value(y + index), channel);
    }
    /// The same for values that are loaded already.
    __device__ __forceinline__ A through(A d_y_value, A y_value, int64_t channel) const {
        const A centred = y_value - mean[channel];
        return multiply_add(A(2) * d_m2[channel], centred, d_y_value + d_mean[channel] * share);
    }
};

/// The norm that follows from these sums, if the kernel does it (kernels/norms_behind.h).
template <class T>
NormOfGradients<T> norm_behind(const Gradient& d_scale, const Gradient& d_shift, Context& context) {
    if (!d_scale || !d_shift) return {};
    return NormOfGradients<T>(context.norms.take_backward(d_scale.data));
}

/// What becomes of Σ d_u · x and Σ d_u, the rows of a partial result. Args is ConvBackward or has the two gradients, too.
template <class T>
struct PutPrologueSums {
    GradientWriter<T> d_scale{Gradient{}};
    GradientWriter<T> d_shift{Gradient{}};
    NormOfGradients<T> norm{};

    PutPrologueSums() = default;
    PutPrologueSums(const Gradient& to_scale, const Gradient& to_shift, Context& context)
        : d_scale(to_scale), d_shift(to_shift), norm(norm_behind<T>(to_scale, to_shift, context)) {}
    template <class Args>
    PutPrologueSums(const Args& args, Context& context)
        : PutPrologueSums(args.d_scale, args.d_shift, context) {}

    __device__ __forceinline__ void operator()(int row, int64_t channel, T sum) const {
        const GradientWriter<T>& gradient = row == 0 ? d_scale : d_shift;
        if (gradient) gradient(channel, sum);
    }
    template <int threads>
    __device__ __forceinline__ void norms_of(const ChannelTile& tile) const {
        norm.template of_channels<threads>(tile.first, tile.channels);
    }
    __device__ __forceinline__ void norms_of(int64_t channel) const { norm.of_channel(channel); }
};

template <class T>
using PrologueSums = LastSums<T, PutPrologueSums<T>>;

/// Runs `plain` with neither prologue nor epilogue; its other arguments are those of `args`, in Accumulate of their type.
void forward_around(const ConvForward& args, Context& context, void (*plain)(const ConvForward&, Context&));

/// Runs `plain` for d_x and d_weight alone: its d_y includes the epilogue's part, its x has been through the
/// prologue. d_bias, d_scale, d_shift and the prologue's part of d_x are computed here.
void backward_around(const ConvBackward& args, Context& context,
                     void (*plain)(const ConvBackward&, Context&));

/// Where a kernel that rounds y leaves it unrounded as well, for the statistics; null where y itself will do.
template <class T>
Accumulate<T>* take_unrounded(const ConvForward& args, Context& context) {
    if (!is_half_type<T> || args.epilogue.plain()) return nullptr;
    return context.scratch.take<Accumulate<T>>(args.shape.out_pixels() * args.shape.out_channels);
}

/// The epilogue's statistics, by a pass over y, or over take_unrounded() where that is not null.
void output_moments(const ConvForward& args, const void* unrounded, Context& context);

/// "unfused" (kernels/conv_fusion.h) of the convolution `kernel`.
template <const Kernel<ConvForward>& kernel>
void run_unfused(const ConvForward& args, Context& context) {
    forward_around(args, context, run_first<kernel>);
}
template <const Kernel<ConvBackward>& kernel>
void run_unfused(const ConvBackward& args, Context& context) {
    backward_around(args, context, run_first<kernel>);
}

/// 16-bit tensors as floats and back, in the GPU's memory (kernels/expanded_separately.h).
struct WideCopies {
    static const float* widen(DType half, const void* from, int64_t rows, int64_t channels, Context& context);
    static void narrow(DType half, const float* from, int64_t rows, int64_t channels, const Gradient& to);
};

/// d_bias_o = Σ g, by a pass over d_y (and y); nothing if d_bias is not wanted.
void bias_gradient(const ConvBackward& args, Context& context);

/// From d_a [in_pixels, in_channels] (scratch memory, in Accumulate of the dtype): d_x, d_scale and d_shift, each if
/// wanted, in one pass.
void prologue_gradient(const ConvBackward& args, const void* d_a, Context& context);

}  // namespace vitrine::VITRINE_GPU
