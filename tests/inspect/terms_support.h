// What the tests of terms share: random elements of everything in a step, and what their terms come to.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include "lab/inspect/terms/explainer.h"
#include "lab/inspect/terms/ops.h"

namespace vitrine::inspect {

/// Of the elements that were drawn: how many, and the largest error of their sums (Explanation::error).
struct Checked {
    int64_t elements = 0;
    double worst = 0.0;
    std::string worst_text;
};

/// By kind: "dense_conv mean", "gradient of dense_conv mean", "gradient of parameters", "update".
using CheckedKinds = std::map<std::string, Checked>;

inline void look_at(const Explanation& explanation, const std::string& kind, CheckedKinds& kinds) {
    Checked& checked = kinds[kind];
    ++checked.elements;
    if (const double error = explanation.error(); !(error <= checked.worst)) {
        checked.worst = error;
        checked.worst_text = to_text(explanation);
    }
    for (const Term& term : explanation.list.terms) {
        double product = 1.0;
        for (const Factor& factor : term.factors) product *= factor.value;
        if (!(std::abs(product - term.value) <= 1e-12 * explanation.list.magnitude))
            FAIL("the factors of a term are not its value: ", term.label, "\n", to_text(explanation));
    }
}

/// `count` random elements of every op's outputs, of their gradients, of every parameter's gradient and update.
inline void look_everywhere(const CapturedStep& step, int count, CheckedKinds& kinds) {
    Explainer explainer(step);
    std::mt19937_64 random(17);
    const auto draw = [&](const Tensor& tensor) {
        return static_cast<int64_t>(random() % static_cast<uint64_t>(tensor.count()));
    };
    for (int tensor = 0; tensor < static_cast<int>(step.tensors.size()); ++tensor) {
        const CapturedTensor& captured = step.tensors[tensor];
        std::string kind = "parameters";
        if (captured.producer != none) {
            const CapturedOp& op = step.ops[captured.producer];
            const size_t k = static_cast<size_t>(std::ranges::find(op.outputs, tensor) - op.outputs.begin());
            if (terms_of(op.op) != nullptr) kind = op.op + " " + terms_of(op.op)->outputs[k];
        }
        for (int i = 0; i < count; ++i) {
            if (has_terms(step, tensor)) look_at(explainer.value(tensor, draw(captured.value)), kind, kinds);
            if (has_gradient_terms(step, tensor))
                look_at(explainer.gradient(tensor, draw(captured.value)), "gradient of " + kind, kinds);
        }
    }
    for (const CapturedParameter& parameter : step.parameters) {
        const bool is_statistic = parameter.role == nn::Role::buffer;
        for (int i = 0; i < count && (parameter.gradient.defined() || is_statistic); ++i)
            look_at(explainer.update(parameter, draw(parameter.before)),
                    is_statistic ? "running statistics" : "update", kinds);
    }
}

/// In f64 two ways to the same number differ by the rounding of their terms: some 1e-16 of each, and as the root of how many
/// there are. 1e-12 of the sum of their absolute values leaves room for a million terms and a few ops' worth of rounding, and
/// any term that is wrong or missing is larger.
inline void check_all(const CheckedKinds& kinds) {
    for (const auto& [kind, checked] : kinds)
        CHECK_MESSAGE(checked.worst <= 1e-12, kind, ": ", checked.worst_text);
}

/// How many elements of each tensor: a few, or as VITRINE_TERMS says.
inline int elements_of_each(int few) {
    const char* wanted = std::getenv("VITRINE_TERMS");
    return wanted == nullptr ? few : std::atoi(wanted);
}

inline void report(const std::string& what, const CheckedKinds& kinds) {
    if (std::getenv("VITRINE_TERMS") == nullptr) return;
    fmt::print("{}\n", what);
    for (const auto& [kind, checked] : kinds)
        fmt::print("  {:<40} {:>9} elements  {:.1e}\n", kind, checked.elements, checked.worst);
}

}  // namespace vitrine::inspect
