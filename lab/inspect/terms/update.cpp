// The terms of a parameter's update: see update.h.

#include "lab/inspect/terms/update.h"

#include <fmt/format.h>

#include <cmath>

#include "kernels/optim.h"
#include "lab/inspect/terms/op_view.h"

namespace vitrine::inspect {
namespace {

double element_of(const Tensor& tensor, int64_t element) { return tensor.part(element, {1}).item(); }

/// What gradients are multiplied by first: 1 / batches, less where their norm is clipped.
double gradient_scale(const CapturedStep& step, DType dtype) {
    const UpdateOptions& update = step.update;
    double scale = 1.0 / static_cast<double>(update.batches);
    if (update.clip_norm > 0.0) scale *= clip_coefficient(step.update_result.norm, update.clip_norm);
    return dtype == DType::f32 ? static_cast<double>(static_cast<float>(scale)) : scale;
}

}  // namespace

void write_update(const CapturedStep& step, const CapturedParameter& parameter, int64_t element,
                  TermWriter& writer) {
    const double before = element_of(parameter.before, element);
    writer.add(before, "before", {{named("value", parameter.before.shape(), element), before, ""}});
    if (!step.update_result.followed) {
        writer.formula("after = before: this update was left out");
        return;
    }
    const optim::SgdOptions& options = step.optimiser;
    const double momentum = step.update.momentum.value_or(options.momentum);
    const bool goes_on = momentum != 0.0 && parameter.momentum_before.defined();
    // value −= rate · (g + momentum · b) with Nesterov, else rate · b; b = momentum · buffer + (1 − dampening) · g.
    const double fresh = goes_on ? 1.0 - options.dampening : 1.0;  // of g in b
    const double of_g = options.nesterov ? 1.0 + momentum * fresh : fresh;
    const double of_buffer = options.nesterov ? momentum * momentum : momentum;
    const double rate = step.update.learning_rate * parameter.rate_factor;
    const double gradient = element_of(parameter.gradient, element);
    const double scale = gradient_scale(step, parameter.before.dtype());
    const double decay = parameter.decays ? options.weight_decay : 0.0;

    std::string formula = fmt::format("after = before − rate · {}", options.nesterov  ? "(g + momentum · b)"
                                                                    : momentum != 0.0 ? "b"
                                                                                      : "g");
    if (momentum != 0.0) {
        const char* dampened = options.dampening != 0.0 ? "(1 − dampening) · " : "";
        formula +=
            goes_on ? fmt::format(",  b = momentum · buffer + {}g", dampened) : ",  b = g in the first step";
    }
    formula += fmt::format(",  g = {}gradient{}", scale != 1.0 ? "scale · " : "",
                           decay != 0.0 ? " + decay · before" : "");
    writer.formula(formula);

    const auto add = [&](const char* label, double share, const char* its_name, std::vector<Factor> factors) {
        if (share != 1.0) factors.insert(factors.begin(), {its_name, share, ""});
        factors.insert(factors.begin(), {"−rate", -rate, ""});
        Number value(1.0);
        for (const Factor& each : factors) value = value * each.value;
        writer.add(value, label, std::move(factors));
    };
    const char* share_of_g = options.nesterov ? "1 + momentum" : "1 − dampening";
    std::vector<Factor> of_gradient{{"gradient", gradient, "", {Operand{parameter.tensor, element, true}}}};
    if (scale != 1.0) of_gradient.insert(of_gradient.begin(), {"scale", scale, ""});
    add("the gradient", of_g, share_of_g, std::move(of_gradient));
    if (decay != 0.0) add("weight decay", of_g, share_of_g, {{"decay", decay, ""}, {"value", before, ""}});
    if (goes_on)
        add("what momentum remembers", of_buffer, options.nesterov ? "momentum²" : "momentum",
            {{"buffer", element_of(parameter.momentum_before, element), ""}});
}

}  // namespace vitrine::inspect
