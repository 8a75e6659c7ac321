// Where what is pending must happen after all: one pass over memory. Backward saves the operands, and the result where
// the activation needs it.

#include "engine/autograd.h"
#include "engine/norm_gradient.h"
#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "kernels/kernels.h"

namespace vitrine::ops {
namespace {

Affine affine_of(const AffineTensor& operand) {
    return {operand.x.data(), operand.scale.data(), operand.shift.data()};
}

AffineGradient gradient_of(const AffineTensor& operand) {
    return {receive(operand.x.slot()), receive(operand.scale.slot()), receive(operand.shift.slot())};
}

/// The gradient of an operand that is added as it is, under no activation: that of the sum, handed on.
bool takes_gradient_whole(const AffineTensor& operand, Activation activation) {
    return operand.plain() && activation == Activation::identity && operand.x.requires_gradient();
}

Tensor resolve_clamped(const AffineTensor& a, const AffineTensor& b, Activation activation) {
    Tensor z = Tensor::like(a.x);
    const int64_t channels = a.x.shape()[-1], rows = a.x.count() / channels;
    kernels(z.device())
        .resolve_forward({.dtype = z.dtype(),
                          .activation = activation,
                          .rows = rows,
                          .channels = channels,
                          .a = affine_of(a),
                          .b = affine_of(b),
                          .z = z.data()});
    const Tensor saved_z = activation == Activation::identity ? Tensor() : z;
    record(
        "resolve", {a.x, a.scale, a.shift, b.x, b.scale, b.shift}, z,
        [a, b, z = saved_z, activation, rows, channels](const Tensor& d_z) {
            const bool whole_b = takes_gradient_whole(b, activation);
            const ResolveBackward args{.dtype = d_z.dtype(),
                                       .activation = activation,
                                       .rows = rows,
                                       .channels = channels,
                                       .a = affine_of(a),
                                       .b = affine_of(b),
                                       .z = z.data(),
                                       .d_z = d_z.data(),
                                       .d_a = gradient_of(a),
                                       .d_b = whole_b ? AffineGradient{} : gradient_of(b)};
            FinishedNorms norms;
            norms.add(a.scale, a.shift);
            norms.add(b.scale, b.shift);
            if (args.d_a || args.d_b) kernels(d_z.device()).resolve_backward(args, norms.behind());
            if (whole_b) b.x.slot()->contribute(d_z);
        },
        activation);
    return z;
}

}  // namespace

Tensor resolve(const Pending& x) {
    if (!x.written()) return resolve(write(x));
    if (x.whole()) return x.value.x;
    if (x.value.plain() && !x.residual.x.defined()) return activation(x.value.x, x.activation);
    if (is_clamp(x.activation)) return resolve_clamped(x.value, x.residual, x.activation);
    return activation(resolve_clamped(x.value, x.residual, Activation::identity), x.activation);
}

}  // namespace vitrine::ops
