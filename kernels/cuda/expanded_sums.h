// What the backward pass of the expanded convolution (expanded_backward.cu) sums up over all pixels, and what becomes of it.
#pragma once

#include "kernels/cuda/expanded_tiles.h"

namespace vitrine::VITRINE_GPU {

/// Of a pair of channels: those of the weights, then d_scale and d_shift.
constexpr int pair_sums = expanded_taps + 2;

/// What becomes of the sums of all pixels: [taps + 2, channels], and behind them d_scale and d_shift of the narrow prologue,
/// [2, narrow].
struct PutExpandedSums {
    GradientWriter<float> d_weight{Gradient{}};
    GradientWriter<float> d_scale{Gradient{}};
    GradientWriter<float> d_shift{Gradient{}};
    GradientWriter<float> d_narrow_scale{Gradient{}};
    GradientWriter<float> d_narrow_shift{Gradient{}};
    int channels = 0;
    int narrow = 0;  // of windows none: nobody wants these sums
    // That of the narrow input comes behind the moments, which add to its gradients, too.
    NormOfGradients<float> norm{};

    PutExpandedSums() = default;
    PutExpandedSums(const ExpandedConvBackward& args, Context& context)
        : d_weight(args.d_weight),
          d_scale(args.d_scale),
          d_shift(args.d_shift),
          d_narrow_scale(args.d_narrow_scale),
          d_narrow_shift(args.d_narrow_shift),
          channels(static_cast<int>(args.shape.in_channels)),
          narrow(args.windows.there() ? 0 : static_cast<int>(args.narrow)),
          norm(norm_behind<float>(args.d_scale, args.d_shift, context)) {}

    __host__ __device__ __forceinline__ int narrow_sums() const { return pair_sums * channels; }
    __host__ __device__ __forceinline__ int all() const { return narrow_sums() + 2 * narrow; }

    __device__ __forceinline__ void operator()(int, int64_t index, float sum) const {
        const int i = static_cast<int>(index);
        if (i < expanded_taps * channels) return put(d_weight, i, sum);
        if (i < narrow_sums())
            return put_of_two(d_scale, d_shift, channels, i - expanded_taps * channels, sum);
        put_of_two(d_narrow_scale, d_narrow_shift, narrow, i - narrow_sums(), sum);
    }
    /// One tile has all sums.
    template <int threads>
    __device__ __forceinline__ void norms_of(const ChannelTile&) const {
        norm.template of_channels<threads>(0, channels);
    }

  private:
    static __device__ __forceinline__ void put(const GradientWriter<float>& gradient, int i, float sum) {
        if (gradient) gradient(i, sum);
    }
    static __device__ __forceinline__ void put_of_two(const GradientWriter<float>& first,
                                                      const GradientWriter<float>& second, int count, int i,
                                                      float sum) {
        i < count ? put(first, i, sum) : put(second, i - count, sum);
    }
};

}  // namespace vitrine::VITRINE_GPU
