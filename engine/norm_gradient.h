// Backward of ops::normalize, which can be done together with another op's: the one that adds the last to the gradients of scale
// and shift (kernels/norms_behind.h). It hangs on the slot of scale's gradient (autograd.h), where that op finds it.
#pragma once

#include <array>
#include <memory>

#include "engine/tensor.h"
#include "kernels/norms_behind.h"

namespace vitrine {

struct NormGradient {
    Tensor mean, rstd, weight;
    int64_t rows;
    std::shared_ptr<GradientSlot> d_mean, d_m2, d_weight, d_bias;  // null: nobody wants it
    int readers = 0;    // of scale and shift, whose backward is yet to come
    bool done = false;  // or given to a kernel

    /// From now on it is done.
    NormalizeBackward take(const Tensor& d_scale, const Tensor& d_shift);
};

/// The norms that a backward kernel finishes the gradients of.
class FinishedNorms {
  public:
    /// Of an operand of the kernel whose arguments are made already, so that its d_scale and d_shift have their places; nothing
    /// if another op will add to them, or no norm made them.
    void add(const Tensor& scale, const Tensor& shift);

    NormsBehind behind() const;

  private:
    std::array<NormalizeBackward, NormsBehind::most> norms_;
    size_t count_ = 0;
};

}  // namespace vitrine
