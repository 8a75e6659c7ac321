// Backward of ops::normalize together with another op's: see norm_gradient.h.

#include "engine/norm_gradient.h"

#include "engine/autograd.h"

namespace vitrine {

NormalizeBackward NormGradient::take(const Tensor& d_scale, const Tensor& d_shift) {
    done = true;
    return {.dtype = weight.dtype(),
            .rows = rows,
            .channels = weight.count(),
            .mean = mean.data(),
            .rstd = rstd.data(),
            .weight = weight.data(),
            .d_scale = d_scale.data(),
            .d_shift = d_shift.data(),
            .d_mean = receive(d_mean),
            .d_m2 = receive(d_m2),
            .d_weight = receive(d_weight),
            .d_bias = receive(d_bias)};
}

void FinishedNorms::add(const Tensor& scale, const Tensor& shift) {
    if (!scale.requires_gradient()) return;
    const std::shared_ptr<NormGradient>& norm = scale.slot()->norm();
    if (norm == nullptr || norm->done || norm->readers > 1) return;
    norms_.at(count_++) = norm->take(scale.slot()->gradient(), shift.slot()->gradient());
}

NormsBehind FinishedNorms::behind() const {
    NormsBehind norms;
    for (size_t i = 0; i < count_; ++i) norms.want(norms_[i]);
    return norms;
}

}  // namespace vitrine
