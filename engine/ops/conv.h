// What the convolutions have in common: shapes, moments and how they are recorded.
#pragma once

#include <functional>
#include <utility>

#include "engine/autograd.h"
#include "engine/norm_gradient.h"
#include "engine/ops/check.h"
#include "engine/ops/normalize.h"
#include "engine/ops/ops.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

/// The shape of a convolution of x [N, H, W, C]; checks weight and window against it.
inline ConvShape conv_shape(const char* op, const Shape& x, const Shape& weight, const ConvOptions& options) {
    require(x.rank() == 4, op, "input of shape {}, but 4 axes are needed", x.to_string());
    const size_t rank = weight.rank();
    ConvShape shape{.batch = x[0],
                    .in = {x[1], x[2]},
                    .in_channels = x[3],
                    .out_channels = weight[rank == 3 ? 2 : 0],
                    .kernel = {1, 1},
                    .stride = options.stride,
                    .padding = options.padding,
                    .groups = rank == 3 ? weight[2] : options.groups};
    if (rank == 3) shape.kernel = {weight[0], weight[1]};
    if (rank == 4) shape.kernel = {weight[1], weight[2]};
    const bool fits =
        rank == 3 ? weight[2] == x[3] : weight[-1] * shape.groups == x[3] && weight[0] % shape.groups == 0;
    require(fits, op, "weight {} and {} groups for an input {}", weight.to_string(), shape.groups,
            x.to_string());
    require(rank != 2 || (shape.stride == Size2{} && shape.padding == Size2{0, 0} && shape.groups == 1), op,
            "a weight {} knows neither stride nor padding nor groups", weight.to_string());
    require(shape.in.height + 2 * shape.padding.height >= shape.kernel.height &&
                shape.in.width + 2 * shape.padding.width >= shape.kernel.width,
            op, "a window of {}x{} does not fit into an image of shape {}", shape.kernel.height,
            shape.kernel.width, x.to_string());
    return shape;
}

inline Prologue prologue_of(const Pending& x) {
    return {x.value.scale.data(), x.value.shift.data(), x.activation};
}

/// What a convolution leaves: memory for its output, and for the moments where they are wanted.
inline Pending empty_output(const ConvShape& shape, bool moments, const Placement& placement) {
    Pending output(
        Tensor::empty({shape.batch, shape.out().height, shape.out().width, shape.out_channels}, placement));
    if (moments) {
        output.moments.mean = Tensor::empty({shape.out_channels}, placement.accumulated());
        output.moments.m2 = Tensor::like(output.moments.mean);
    }
    return output;
}

/// What backward keeps of the output: nothing without moments.
struct SavedOutput {
    Tensor y, mean;

    /// Before the output is recorded: a node that held its slots would hold itself.
    explicit SavedOutput(const Pending& output) {
        if (output.moments.defined()) y = output.value.x, mean = output.moments.mean;
    }

    /// ConvBackward or ExpandedConvBackward: what comes back through y and its moments. Returns d_y, which `args` point to.
    template <class Backward>
    Tensor put(std::span<const Tensor> gradients, Backward& args) const {
        Tensor d_y = gradients[0].defined() ? gradients[0] : Tensor::zeros(y.shape(), y.placement());
        args.dtype = d_y.dtype();
        args.d_y = d_y.data();
        if (gradients.size() > 1 && (gradients[1].defined() || gradients[2].defined())) {
            args.y = y.data();
            args.mean = mean.data();
            args.d_mean = gradients[1].data();
            args.d_m2 = gradients[2].data();
        }
        return d_y;
    }
};

/// The norm that follows the output.
inline NextNorm next_norm(const BatchNorm* next, Pending& output) {
    return NextNorm(next, output.moments, output.shape().count() / output.shape()[-1]);
}

/// Records the output, with its moments where there are some.
inline void record_conv(const char* op, std::initializer_list<Tensor> inputs, Pending& output,
                        std::function<void(std::span<const Tensor> gradients)> backward,
                        const OpOptions& options) {
    if (Moments& moments = output.moments; moments.defined()) {
        record_outputs(op, inputs, {output.value.x, moments.mean, moments.m2}, std::move(backward), options);
    } else {
        record_outputs(op, inputs, {output.value.x}, std::move(backward), options);
    }
}

/// An expansion as it is traced.
inline TracedExpansion traced(const Expansion& expansion) {
    const InputWindows& windows = expansion.windows;
    return {{{.stride = windows.stride, .padding = windows.padding}, expansion.narrow.activation},
            expansion.shape};
}

/// The depthwise convolution of an unwritten input, which must have no residual (expanded_conv.cpp).
Pending expanded_conv(const Pending& x, const Tensor& weight, const ConvOptions& options,
                      const BatchNorm* next);

}  // namespace vitrine::ops
