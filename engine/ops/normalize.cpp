// Batch norm without a pass over its input: from moments to the scale and shift that whoever reads it applies.

#include "engine/ops/normalize.h"

#include "engine/autograd.h"
#include "engine/norm_gradient.h"
#include "engine/ops/check.h"
#include "kernels/kernels.h"

namespace vitrine::ops {
namespace {

void check(const BatchNorm& norm, int64_t channels, int64_t rows) {
    require_per_channel(norm.weight, channels, "normalize", "weight");
    require_per_channel(norm.bias, channels, "normalize", "bias");
    require_per_channel(norm.running_mean, channels, "normalize", "running_mean");
    require_per_channel(norm.running_variance, channels, "normalize", "running_variance");
    require(!norm.options.training || rows >= 2, "normalize",
            "training needs more than one value for each channel, got {} rows", rows);
}

/// As the convolution has left them, or made here.
NormNumbers numbers_of(const BatchNorm& norm, const Moments& moments, int64_t rows) {
    if (moments.norm.scale.defined()) return moments.norm;
    const NormNumbers numbers = empty_numbers(norm);
    kernels(norm.weight.device()).normalize_forward(normalize_args(norm, moments, rows, numbers));
    return numbers;
}

}  // namespace

NormalizeForward normalize_args(const BatchNorm& norm, const Moments& moments, int64_t rows,
                                const NormNumbers& numbers) {
    return {.dtype = norm.weight.dtype(),
            .training = norm.options.training,
            .rows = rows,
            .channels = norm.weight.count(),
            .epsilon = norm.options.epsilon,
            .momentum = norm.options.momentum,
            .mean = moments.mean.data(),
            .m2 = moments.m2.data(),
            .weight = norm.weight.data(),
            .bias = norm.bias.data(),
            .running_mean = norm.running_mean.data(),
            .running_variance = norm.running_variance.data(),
            .scale = numbers.scale.data(),
            .shift = numbers.shift.data(),
            .rstd = numbers.rstd.data()};
}

NextNorm::NextNorm(const BatchNorm* norm, Moments& moments, int64_t rows) {
    if (norm == nullptr) return;
    require(moments.defined() && norm->options.training, "normalize",
            "a convolution does it with the moments it leaves in training alone");
    check(*norm, moments.mean.count(), rows);
    moments.norm = empty_numbers(*norm);
    args_ = normalize_args(*norm, moments, rows, moments.norm);
}

Pending normalize(const Pending& x, const BatchNorm& norm) {
    const bool training = norm.options.training;
    require(x.plain(), "normalize", "an input that is pending itself");
    require(!training || x.moments.defined(), "normalize", "training needs the moments of {}",
            x.shape().to_string());
    const int64_t channels = x.shape()[-1];
    const int64_t rows = x.shape().count() / channels * x.moments.shards;
    check(norm, channels, rows);

    // In evaluation the running statistics have the moments' place.
    Tensor mean = training ? x.moments.mean : norm.running_mean;
    Tensor spread = training ? x.moments.m2 : norm.running_variance;
    const auto [scale, shift, rstd] = numbers_of(norm, training ? x.moments : Moments{}, rows);
    const auto gradient = std::make_shared<NormGradient>(
        NormGradient{mean, rstd, norm.weight, rows, mean.slot(), training ? spread.slot() : nullptr,
                     norm.weight.slot(), norm.bias.slot()});
    Pending normalised(AffineTensor{x.value.x, scale, shift});
    auto& [_, its_scale, its_shift] = normalised.value;
    record_outputs(
        "normalize", {mean, spread, norm.weight, norm.bias}, {its_scale, its_shift},
        [gradient, channels](std::span<const Tensor> gradients) {
            if (gradient->done) return;
            const auto or_zeros = [&](const Tensor& d) {
                return d.defined() ? d : Tensor::zeros({channels}, gradient->weight.placement());
            };
            const Tensor d_scale = or_zeros(gradients[0]), d_shift = or_zeros(gradients[1]);
            kernels(d_scale.device()).normalize_backward(gradient->take(d_scale, d_shift));
        },
        norm.options);
    if (its_scale.requires_gradient()) its_scale.slot()->set_norm(gradient);
    normalised.expansion = x.expansion;
    return normalised;
}

}  // namespace vitrine::ops
