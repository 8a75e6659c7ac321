// Batch norm over all axes but the channels'.

#include "engine/autograd.h"
#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& running_mean,
                  Tensor& running_variance, const BatchNormOptions& options) {
    const int64_t channels = x.shape()[-1];
    const int64_t rows = x.count() / channels;
    require_per_channel(weight, channels, "batch_norm", "weight");
    require_per_channel(bias, channels, "batch_norm", "bias");
    require_per_channel(running_mean, channels, "batch_norm", "running_mean");
    require_per_channel(running_variance, channels, "batch_norm", "running_variance");
    require(!options.training || rows >= 2, "batch_norm",
            "training needs more than one value for each channel, got {}", x.shape().to_string());

    Tensor y = Tensor::like(x);
    const Tensor mean = Tensor::like(weight);
    const Tensor rstd = Tensor::like(weight);
    kernels(x.device())
        .batch_norm_forward({.dtype = x.dtype(),
                             .training = options.training,
                             .rows = rows,
                             .channels = channels,
                             .epsilon = options.epsilon,
                             .momentum = options.momentum,
                             .x = x.data(),
                             .weight = weight.data(),
                             .bias = bias.data(),
                             .running_mean = running_mean.data(),
                             .running_variance = running_variance.data(),
                             .mean = mean.data(),
                             .rstd = rstd.data(),
                             .y = y.data()});
    // Statistics are inputs where they are not the batch's own.
    const Tensor given_mean = options.training ? Tensor() : running_mean;
    const Tensor given_variance = options.training ? Tensor() : running_variance;
    record(
        "batch_norm", {x, weight, bias, given_mean, given_variance}, y,
        [x, weight, mean, rstd, rows, channels, training = options.training, d_x = x.slot(),
         d_weight = weight.slot(), d_bias = bias.slot()](const Tensor& d_y) {
            kernels(d_y.device())
                .batch_norm_backward({.dtype = d_y.dtype(),
                                      .training = training,
                                      .rows = rows,
                                      .channels = channels,
                                      .x = x.data(),
                                      .weight = weight.data(),
                                      .mean = mean.data(),
                                      .rstd = rstd.data(),
                                      .d_y = d_y.data(),
                                      .d_x = receive(d_x),
                                      .d_weight = receive(d_weight),
                                      .d_bias = receive(d_bias)});
        },
        options);
    return y;
}

}  // namespace vitrine::ops
