// The least cost of ops: see cost.h.

#include "tools/bench/cost.h"

namespace vitrine::tools {
namespace {

double bytes(const Tensor& tensor) { return tensor.defined() ? static_cast<double>(tensor.bytes()) : 0.0; }

bool has_weight(std::string_view op) { return op == "linear" || op.ends_with("_conv"); }

double product_flops(const OpEvent& event) {
    if (!has_weight(event.op)) return 0.0;
    const Tensor& weight = event.inputs[1];
    return 2.0 * static_cast<double>(event.output.count()) * static_cast<double>(weight.count()) /
           static_cast<double>(event.output.shape()[-1]);
}

}  // namespace

Cost forward_cost(const OpEvent& event) {
    if (std::string_view(event.op) == "reshape") return {};
    Cost cost{product_flops(event), bytes(event.output)};
    for (const Tensor& input : event.inputs) cost.bytes += bytes(input);
    return cost;
}

Cost backward_cost(const OpEvent& forward_event) {
    const std::string_view op = forward_event.op;
    if (op == "reshape" || op == "add" || op == "normalize_images") return {};
    const bool saves_nothing = op == "dropout" || op.ends_with("pool");
    Cost cost{0.0, bytes(forward_event.output)};
    for (const Tensor& input : forward_event.inputs) {
        if (!saves_nothing) cost.bytes += bytes(input);
        if (input.requires_gradient()) cost.bytes += bytes(input);
    }
    for (size_t i = 0; i < 2 && i < forward_event.inputs.size(); ++i) {
        if (forward_event.inputs[i].requires_gradient()) cost.flops += product_flops(forward_event);
    }
    return cost;
}

}  // namespace vitrine::tools
