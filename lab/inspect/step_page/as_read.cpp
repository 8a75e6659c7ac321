// What an op of a fused step really reads: see as_read.h.

#include "lab/inspect/step_page/as_read.h"

#include <vector>

#include "lab/inspect/step_page/host_values.h"
#include "lab/inspect/terms/curves.h"

namespace vitrine::inspect {
namespace {

bool is_pool(const CapturedOp& op) { return op.op == "global_average_pool"; }

/// Where a record has the scale of its input x, the first; shift is the next. A convolution's weight and bias lie between.
size_t place_of_scale(const CapturedOp& op) { return is_pool(op) ? 1 : 3; }

bool is_normalised(const CapturedOp& op) {
    const size_t scale = place_of_scale(op);
    return op.inputs.size() > scale + 1 && op.inputs[scale] != none;
}

}  // namespace

Activation activation_of_reading(const CapturedOp& op) {
    return is_pool(op) ? std::get<Activation>(op.options) : std::get<TracedConv>(op.options).prologue;
}

bool reads_pending(const CapturedOp& op) {
    return (is_pool(op) || std::holds_alternative<TracedConv>(op.options)) &&
           (is_normalised(op) || activation_of_reading(op) != Activation::identity);
}

Tensor as_read(const CapturedStep& step, const CapturedOp& op) {
    const auto tensor = [&](size_t input) {
        return step.tensors[static_cast<size_t>(op.inputs[input])].value;
    };
    const Tensor x = tensor(0);
    const auto channels = static_cast<size_t>(x.shape()[-1]);
    std::vector<double> scale(channels, 1.0), shift(channels, 0.0);
    if (is_normalised(op)) {
        scale = tensor(place_of_scale(op)).to_host<double>();
        shift = tensor(place_of_scale(op) + 1).to_host<double>();
    }
    std::vector<double> read(static_cast<size_t>(x.count()));
    with_values(x, [&](auto values) {
        for (size_t i = 0; i < values.size(); ++i) {
            const size_t c = i % channels;
            const double u = scale[c] * static_cast<double>(values[i]) + shift[c];
            read[i] = activated(activation_of_reading(op), u).value;
        }
    });
    return Tensor::from_host(std::span<const double>(read), x.shape(), {x.dtype(), Device::reference});
}

std::string formula_of_reading(const CapturedOp& op) {
    return applied(activation_of_reading(op), is_normalised(op) ? "scale · x + shift" : "x");
}

}  // namespace vitrine::inspect
