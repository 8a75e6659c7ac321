// The sum of two: of tensors a pass of its own, of what is pending a pass that resolve makes anyhow.

#include "engine/autograd.h"
#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "kernels/kernels.h"

namespace vitrine::ops {
namespace {

Tensor add_whole(const Tensor& a, const Tensor& b) {
    Tensor y = Tensor::like(a);
    kernels(a.device())
        .add_forward({.dtype = a.dtype(), .count = a.count(), .a = a.data(), .b = b.data(), .y = y.data()});
    record("add", {a, b}, y, [d_a = a.slot(), d_b = b.slot()](const Tensor& d_y) {
        if (d_a) d_a->contribute(d_y);
        if (d_b) d_b->contribute(d_y);
    });
    return y;
}

/// The operand as one term of a sum, resolved where it is more than that.
AffineTensor term_of(const Pending& x) {
    const bool is_term = x.activation == Activation::identity && !x.residual.x.defined();
    return is_term ? write(x).value : AffineTensor{resolve(x), {}, {}};
}

}  // namespace

Pending add(const Pending& a, const Pending& b) {
    require(a.shape() == b.shape(), "add", "{} and {}", a.shape().to_string(), b.shape().to_string());
    const AffineTensor first = term_of(a), second = term_of(b);
    if (first.plain() && second.plain()) return add_whole(first.x, second.x);
    // A plain term is the residual: its gradient is the sum's own, handed on without a pass.
    Pending sum(first.plain() ? second : first);
    sum.residual = first.plain() ? first : second;
    return sum;
}

}  // namespace vitrine::ops
