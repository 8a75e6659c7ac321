// Batch norm without x (kernels/norm.h) on a device whose memory the host reads: for all its channels, in f64.
#pragma once

#include <cmath>

#include "kernels/norm.h"
#include "kernels/typed_body.h"

namespace vitrine::host {

template <class T>
double at(const void* values, int64_t c) {
    return static_cast<double>(static_cast<const T*>(values)[c]);
}

template <class T>
void put(void* values, int64_t c, double value) {
    static_cast<T*>(values)[c] = static_cast<T>(value);
}

/// running ← (1 − momentum) · running + momentum · batch, with the unbiased variance.
template <class T>
void update_running(const NormalizeForward& args, int64_t c, double mean, double unbiased_variance) {
    const double keep = 1 - args.momentum;
    put<T>(args.running_mean, c, keep * at<T>(args.running_mean, c) + args.momentum * mean);
    put<T>(args.running_variance, c,
           keep * at<T>(args.running_variance, c) + args.momentum * unbiased_variance);
}

inline constexpr auto normalize = computed_types([]<class T>(const NormalizeForward& args, Context&) {
    const double rows = static_cast<double>(args.rows);
    for (int64_t c = 0; c < args.channels; ++c) {
        const double mean = at<T>(args.training ? args.mean : args.running_mean, c);
        const double variance = args.training ? at<T>(args.m2, c) / rows : at<T>(args.running_variance, c);
        if (args.training) update_running<T>(args, c, mean, at<T>(args.m2, c) / (rows - 1));
        const double rstd = 1.0 / std::sqrt(variance + args.epsilon);
        const ScaleAndShift<double> affine(mean, rstd, at<T>(args.weight, c), at<T>(args.bias, c));
        put<T>(args.rstd, c, rstd);
        put<T>(args.scale, c, affine.scale);
        put<T>(args.shift, c, affine.shift);
    }
});

inline constexpr auto normalize_gradients =
    computed_types([]<class T>(const NormalizeBackward& args, Context&) {
        const double rows = static_cast<double>(args.rows);
        const GradientWriter<T> d_mean(args.d_mean), d_m2(args.d_m2), d_weight(args.d_weight),
            d_bias(args.d_bias);
        for (int64_t c = 0; c < args.channels; ++c) {
            const NormalizeGradients<double> gradients(rows, at<T>(args.mean, c), at<T>(args.rstd, c),
                                                       at<T>(args.weight, c), at<T>(args.d_scale, c),
                                                       at<T>(args.d_shift, c));
            if (d_mean) d_mean(c, static_cast<T>(gradients.d_mean));
            if (d_m2) d_m2(c, static_cast<T>(gradients.d_m2));
            if (d_weight) d_weight(c, static_cast<T>(gradients.d_weight));
            if (d_bias) d_bias(c, static_cast<T>(gradients.d_bias));
        }
    });

}  // namespace vitrine::host
