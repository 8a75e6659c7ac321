// The average of each channel over the whole image. What is pending of the input happens as it is read; backward saves the
// input only then.

#include "engine/autograd.h"
#include "engine/norm_gradient.h"
#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "kernels/kernels.h"

namespace vitrine::ops {
namespace {

/// Whether the kernel can do all that is pending.
bool reads_pending(const Pending& x) {
    return x.written() && !x.residual.x.defined() && is_clamp(x.activation);
}

Affine affine_of(const AffineTensor& x) { return {x.x.data(), x.scale.data(), x.shift.data()}; }

}  // namespace

Tensor global_average_pool(const Pending& input) {
    const Pending in = reads_pending(input) ? input : Pending(resolve(input));
    const auto& [x, scale, shift] = in.value;
    require_rank(x, 4, "global_average_pool");
    const int64_t batch = x.shape()[0], pixels = x.shape()[1] * x.shape()[2], channels = x.shape()[3];
    Tensor y = Tensor::empty({batch, channels}, x.placement());
    kernels(x.device())
        .global_average_pool_forward({.dtype = x.dtype(),
                                      .batch = batch,
                                      .pixels = pixels,
                                      .channels = channels,
                                      .x = affine_of(in.value),
                                      .activation = in.activation,
                                      .y = y.data()});
    const AffineTensor saved = in.plain() ? AffineTensor{} : in.value;
    record(
        "global_average_pool", {x, scale, shift}, y,
        [batch, pixels, channels, saved, activation = in.activation, d_x = x.slot(), scale = scale,
         shift = shift](const Tensor& d_y) {
            const GlobalAveragePoolBackward args{
                .dtype = d_y.dtype(),
                .batch = batch,
                .pixels = pixels,
                .channels = channels,
                .x = affine_of(saved),
                .activation = activation,
                .d_y = d_y.data(),
                .d_x = {receive(d_x), receive(scale.slot()), receive(shift.slot())}};
            FinishedNorms norms;
            norms.add(scale, shift);
            kernels(d_y.device()).global_average_pool_backward(args, norms.behind());
        },
        in.activation);
    return y;
}

}  // namespace vitrine::ops
