// What a convolution of a fused step really reads: see as_read.h.

#include "lab/inspect/step_page/as_read.h"

#include <vector>

#include "lab/inspect/step_page/host_values.h"
#include "lab/inspect/terms/curves.h"

namespace vitrine::inspect {
namespace {

enum Input : size_t { in_x, in_scale = 3, in_shift = 4 };  // of a convolution's record

bool is_normalised(const CapturedOp& op) {
    return op.inputs.size() > in_shift && op.inputs[in_scale] != none;
}

Activation activation_of(const CapturedOp& op) { return std::get<TracedConv>(op.options).prologue; }

}  // namespace

bool reads_pending(const CapturedOp& op) {
    return std::holds_alternative<TracedConv>(op.options) &&
           (is_normalised(op) || activation_of(op) != Activation::identity);
}

Tensor as_read(const CapturedStep& step, const CapturedOp& op) {
    const auto tensor = [&](Input input) {
        return step.tensors[static_cast<size_t>(op.inputs[input])].value;
    };
    const Tensor x = tensor(in_x);
    const auto channels = static_cast<size_t>(x.shape()[-1]);
    std::vector<double> scale(channels, 1.0), shift(channels, 0.0);
    if (is_normalised(op)) {
        scale = tensor(in_scale).to_host<double>();
        shift = tensor(in_shift).to_host<double>();
    }
    std::vector<double> read(static_cast<size_t>(x.count()));
    with_values(x, [&](auto values) {
        for (size_t i = 0; i < values.size(); ++i) {
            const size_t c = i % channels;
            const double u = scale[c] * static_cast<double>(values[i]) + shift[c];
            read[i] = activated(activation_of(op), u).value;
        }
    });
    return Tensor::from_host(std::span<const double>(read), x.shape(), {x.dtype(), Device::reference});
}

std::string formula_of_reading(const CapturedOp& op) {
    return applied(activation_of(op), is_normalised(op) ? "scale · x + shift" : "x");
}

}  // namespace vitrine::inspect
