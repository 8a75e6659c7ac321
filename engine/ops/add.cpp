// The sum of two tensors: the joint of a residual block. Its gradient passes to both unchanged, without a
// copy.

#include "engine/autograd.h"
#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Tensor add(const Tensor& a, const Tensor& b) {
    require(a.shape() == b.shape(), "add", "{} and {}", a.shape().to_string(), b.shape().to_string());
    Tensor y = Tensor::like(a);
    kernels(a.device())
        .add_forward({.dtype = a.dtype(), .count = a.count(), .a = a.data(), .b = b.data(), .y = y.data()});
    record("add", {a, b}, y, [d_a = a.slot(), d_b = b.slot()](const Tensor& d_y) {
        if (d_a) d_a->pass(d_y);
        if (d_b) d_b->pass(d_y);
    });
    return y;
}

}  // namespace vitrine::ops
