// Batch norm without a pass over its input: from moments to the scale and shift that whoever reads it applies.

#include "engine/autograd.h"
#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Pending normalize(const Pending& x, const Tensor& weight, const Tensor& bias, Tensor& running_mean,
                  Tensor& running_variance, const BatchNormOptions& options) {
    require(x.plain(), "normalize", "an input that is pending itself");
    require(!options.training || x.moments.defined(), "normalize", "training needs the moments of {}",
            x.shape().to_string());
    const int64_t channels = x.shape()[-1];
    const int64_t rows = x.shape().count() / channels * x.moments.shards;
    require_per_channel(weight, channels, "normalize", "weight");
    require_per_channel(bias, channels, "normalize", "bias");
    require_per_channel(running_mean, channels, "normalize", "running_mean");
    require_per_channel(running_variance, channels, "normalize", "running_variance");
    require(!options.training || rows >= 2, "normalize",
            "training needs more than one value for each channel, got {}", x.shape().to_string());

    const Tensor mean = options.training ? x.moments.mean : running_mean;
    const Tensor m2 = options.training ? x.moments.m2 : Tensor();
    const Tensor rstd = Tensor::like(weight);
    Tensor scale = Tensor::like(weight), shift = Tensor::like(weight);
    kernels(weight.device())
        .normalize_forward({.dtype = weight.dtype(),
                            .training = options.training,
                            .rows = rows,
                            .channels = channels,
                            .epsilon = options.epsilon,
                            .momentum = options.momentum,
                            .mean = mean.data(),
                            .m2 = m2.data(),
                            .weight = weight.data(),
                            .bias = bias.data(),
                            .running_mean = running_mean.data(),
                            .running_variance = running_variance.data(),
                            .scale = scale.data(),
                            .shift = shift.data(),
                            .rstd = rstd.data()});
    // In evaluation the variance has m2's place.
    const Tensor spread = options.training ? m2 : running_variance;
    record_outputs(
        "normalize", {mean, spread, weight, bias}, {scale, shift},
        [mean, rstd, weight, rows, channels, d_mean = mean.slot(), d_m2 = m2.slot(), d_weight = weight.slot(),
         d_bias = bias.slot()](std::span<const Tensor> gradients) {
            const auto or_zeros = [&](const Tensor& d) {
                return d.defined() ? d : Tensor::zeros({channels}, weight.placement());
            };
            const Tensor d_scale = or_zeros(gradients[0]), d_shift = or_zeros(gradients[1]);
            kernels(weight.device())
                .normalize_backward({.dtype = weight.dtype(),
                                     .rows = rows,
                                     .channels = channels,
                                     .mean = mean.data(),
                                     .rstd = rstd.data(),
                                     .weight = weight.data(),
                                     .d_scale = d_scale.data(),
                                     .d_shift = d_shift.data(),
                                     .d_mean = receive(d_mean),
                                     .d_m2 = receive(d_m2),
                                     .d_weight = receive(d_weight),
                                     .d_bias = receive(d_bias)});
        },
        options);
    Pending normalised(AffineTensor{x.value.x, scale, shift});
    normalised.expansion = x.expansion;
    return normalised;
}

}  // namespace vitrine::ops
