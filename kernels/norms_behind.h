// Batch norms behind another kernel: what `normalize` (norm.h) makes of the sums that a call has just finished.
//
// A norm is a few hundred numbers and a launch of its own, which on a GPU takes longer than they do. A kernel that puts the last
// of its sums together itself can go on with them: it takes the norm on, told by where the sums lie. What no kernel
// has taken is called behind it, so a caller need not know, and the numbers are the same.
//
//     convolution → mean, m2             normalize forward  → scale, shift of what it has written
//     d_scale, d_shift of a prologue  →  normalize backward → d_mean, d_m2, d_weight, d_bias of what it has read
#pragma once

#include <array>

#include "kernels/device.h"
#include "kernels/norm.h"

namespace vitrine {

/// Those that are wanted of the running call: one forward, or one for each operand that is normalised as it is read.
class NormsBehind {
  public:
    static constexpr size_t most = 2;

    NormsBehind() = default;
    /// They must live as long as this. Only in training has forward sums to wait for.
    explicit NormsBehind(const NormalizeForward& norm) : forward_(&norm) {}
    void want(const NormalizeBackward& norm);

    /// The norm of the moments at `mean`, or of the gradients at `d_scale`, which the caller does from now on; null if there is
    /// none.
    const NormalizeForward* take_forward(const void* mean);
    const NormalizeBackward* take_backward(const void* d_scale);

    /// Calls visit(norm) for those that nobody has taken yet.
    template <class Visit>
    void for_each(Visit&& visit) const {
        if (forward_ != nullptr) visit(*forward_);
        for (const NormalizeBackward* norm : backward_) {
            if (norm != nullptr) visit(*norm);
        }
    }

  private:
    const NormalizeForward* forward_ = nullptr;
    std::array<const NormalizeBackward*, most> backward_{};
};

}  // namespace vitrine
