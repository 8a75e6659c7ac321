// Finds where a number stopped being finite: see non_finite.h.

#include "tools/common/non_finite.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/trace.h"

namespace vitrine::tools {

bool all_finite(const Tensor& tensor) {
    if (tensor.dtype() != DType::f32 && tensor.dtype() != DType::f64) return true;
    return std::ranges::all_of(tensor.to_host<double>(), [](double value) { return std::isfinite(value); });
}

const nn::NamedParameter* first_non_finite(const std::vector<nn::NamedParameter>& parameters) {
    const auto found = std::ranges::find_if(
        parameters, [](const nn::NamedParameter& named) { return !all_finite(named.value()); });
    return found == parameters.end() ? nullptr : &*found;
}

std::optional<std::string> first_non_finite_op(const std::function<void()>& forward) {
    std::optional<std::string> culprit;
    const Trace trace([&](const OpEvent& event) {
        if (culprit || all_finite(event.output())) return;
        const bool sound_inputs = std::ranges::all_of(
            event.inputs, [](const Tensor& input) { return !input.defined() || all_finite(input); });
        if (!sound_inputs) return;
        const std::string place = event.module.empty() ? "" : " in module " + event.module;
        culprit = fmt::format("op {}{}, with an output of shape {}", event.op, place,
                              event.output().shape().to_string());
    });
    forward();
    return culprit;
}

}  // namespace vitrine::tools
