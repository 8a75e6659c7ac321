// The least cost of ops: see cost.h.

#include "lab/common/cost.h"

#include <algorithm>
#include <string_view>

namespace vitrine::tools {
namespace {

double bytes(const Tensor& tensor) { return tensor.defined() ? static_cast<double>(tensor.bytes()) : 0.0; }

bool has_weight(std::string_view op) { return op == "linear" || op.ends_with("_conv"); }

double product_flops(const OpEvent& event) {
    const Tensor& weight = event.inputs[1];
    return 2.0 * static_cast<double>(event.output.count()) * static_cast<double>(weight.count()) /
           static_cast<double>(event.output.shape()[-1]);
}

double label_bytes(const OpEvent& event) {
    return static_cast<double>(event.inputs[0].shape()[0]) * sizeof(int32_t);
}

double index_bytes(const OpEvent& event) {
    return static_cast<double>(event.output.count()) * sizeof(int32_t);
}

/// What backward reads beside the gradient of the output.
double saved_bytes(const OpEvent& event) {
    const std::string_view op = event.op;
    const auto input = [&](size_t i) { return bytes(event.inputs[i]); };
    if (has_weight(op)) {
        // The gradient of the weight is a product with x, and that of x a product with the weight.
        return (event.inputs[1].requires_gradient() ? input(0) : 0.0) +
               (event.inputs[0].requires_gradient() ? input(1) : 0.0);
    }
    if (op == "batch_norm") return input(0) + input(1);
    if (op == "softmax_cross_entropy") return input(0) + label_bytes(event);
    if (op == "max_pool") return index_bytes(event);
    if (op == "dropout" || op.ends_with("pool")) return 0.0;
    return bytes(event.output);  // activations
}

}  // namespace

Cost forward_cost(const OpEvent& event) {
    const std::string_view op = event.op;
    if (op == "reshape") return {};
    Cost cost{has_weight(op) ? product_flops(event) : 0.0, bytes(event.output)};
    for (const Tensor& input : event.inputs) cost.bytes += bytes(input);
    if (op == "softmax_cross_entropy") cost.bytes += bytes(event.inputs[0]) + label_bytes(event);
    if (op == "max_pool") cost.bytes += index_bytes(event);
    return cost;
}

Cost backward_cost(const OpEvent& forward_event) {
    const std::string_view op = forward_event.op;
    const bool wanted =
        std::ranges::any_of(forward_event.inputs, [](const Tensor& x) { return x.requires_gradient(); });
    if (!wanted || op == "reshape" || op == "add" || op == "finish_images" || op == "score_batch") return {};
    Cost cost{0.0, bytes(forward_event.output) + saved_bytes(forward_event)};
    for (const Tensor& input : forward_event.inputs) {
        if (input.requires_gradient()) cost.bytes += bytes(input);
    }
    if (!has_weight(op)) return cost;
    for (size_t i = 0; i < 2; ++i) {
        if (forward_event.inputs[i].requires_gradient()) cost.flops += product_flops(forward_event);
    }
    return cost;
}

}  // namespace vitrine::tools
