// y = activation(x)      d_x = activation'(x) · d_y

#include <fmt/format.h>

#include <cmath>

#include "lab/inspect/terms/curves.h"
#include "lab/inspect/terms/ops.h"

namespace vitrine::inspect {
namespace {

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

double value_of(Activation activation, double u) {
    switch (activation) {
        case Activation::identity:
            return u;
        case Activation::relu:
            return u < 0.0 ? 0.0 : u;
        case Activation::relu6:
            return u < 0.0 ? 0.0 : u > 6.0 ? 6.0 : u;
        case Activation::silu:
            return u * sigmoid(u);
        case Activation::hard_swish:
            return u * value_of(Activation::relu6, u + 3.0) / 6.0;
    }
    return u;
}

double slope_of(Activation activation, double u) {
    switch (activation) {
        case Activation::identity:
            return 1.0;
        case Activation::relu:
            return u > 0.0 ? 1.0 : 0.0;
        case Activation::relu6:
            return u > 0.0 && u < 6.0 ? 1.0 : 0.0;
        case Activation::silu:
            return sigmoid(u) * (1.0 + u * (1.0 - sigmoid(u)));
        case Activation::hard_swish:
            return u <= -3.0 ? 0.0 : u >= 3.0 ? 1.0 : u / 3.0 + 0.5;
    }
    return 1.0;
}

std::string formula_of(Activation activation) {
    switch (activation) {
        case Activation::identity:
            return "x";
        case Activation::relu:
            return "max(x, 0)";
        case Activation::relu6:
            return "min(max(x, 0), 6)";
        case Activation::silu:
            return "x · sigmoid(x)";
        case Activation::hard_swish:
            return "x · relu6(x + 3) / 6";
    }
    return "?";
}

void forward(const OpView& op, size_t, int64_t element, TermWriter& writer) {
    const auto kind = op.options<Activation>();
    const double x = op.input(0)[element];
    writer.formula(fmt::format("y = {}(x) = {}", name_of(kind), formula_of(kind)));
    const Number y = activated(kind, x);
    writer.add(y, "its input",
               {{fmt::format("{}(x)", name_of(kind)),
                 y.value,
                 fmt::format("{}({:.6g})", name_of(kind), x),
                 {op.input_at(0, element)}}});
}

void backward(const OpView& op, size_t, int64_t element, TermWriter& writer) {
    const auto kind = op.options<Activation>();
    const double x = op.input(0)[element], d_y = op.gradient(0)[element];
    writer.formula(fmt::format("d_x = {}'(x) · d_y", name_of(kind)));
    const Number passes = slope(kind, x);
    writer.add(
        passes * d_y, "its output",
        {{slope_name(kind, "x"), passes.value, fmt::format("at x = {:.6g}", x), {op.input_at(0, element)}},
         {"d_y", d_y, "", {op.gradient_at(0, element)}}});
}

}  // namespace

Number activated(Activation activation, const Number& u) {
    const double value = value_of(activation, u.value), moves = slope_of(activation, u.value);
    if (is_clamp(activation)) return moves == 0.0 ? Number(value) : u;
    return through(u, value, moves);
}

Number slope(Activation activation, const Number& u) {
    const double value = slope_of(activation, u.value);
    // The second derivatives of the curves are at most 1/2.
    return is_clamp(activation) ? Number(value) : through(u, value, 0.5);
}

std::string applied(Activation activation, const std::string& u) {
    return activation == Activation::identity ? u : fmt::format("{}({})", name_of(activation), u);
}

std::string slope_name(Activation activation, const std::string& u) {
    return fmt::format("{}'({})", name_of(activation), u);
}

const OpTerms activation_terms{{"y"}, forward, backward};

}  // namespace vitrine::inspect
