// A convolution of a captured step: see conv_view.h.

#include "lab/inspect/terms/conv_view.h"

#include <fmt/format.h>

namespace vitrine::inspect {
namespace {

/// Weights are dense [o, p, q, c], pointwise [o, c] or depthwise [p, q, o].
Size2 kernel_of(const Shape& weight) {
    if (weight.rank() == 2) return {1, 1};
    if (weight.rank() == 3) return {weight[0], weight[1]};
    return {weight[1], weight[2]};
}

Windows windows_of(const OpView& view) {
    const Shape &x = view.input_shape(0), &y = view.output_shape(0);
    const ops::ConvOptions& options = view.options<TracedConv>().options;
    return {{x[1], x[2]}, {y[1], y[2]}, kernel_of(view.input_shape(1)), options.stride, options.padding};
}

double at_or_zero(std::span<const double> values, int64_t i) { return values.empty() ? 0.0 : values[i]; }

}  // namespace

ConvView::ConvView(const OpView& view)
    : op(view),
      x_shape(view.input_shape(0)),
      weight_shape(view.input_shape(1)),
      y_shape(view.output_shape(0)),
      activation(view.options<TracedConv>().prologue),
      windows(windows_of(view)),
      group_in(weight_shape.rank() == 3 ? 1 : weight_shape[-1]),
      group_out(y_shape[3] / (x_shape[3] / group_in)),
      outputs(static_cast<double>(y_shape.count() / y_shape[3])),
      x(view.input(0)),
      weight(view.input(1)),
      bias(view.input(2)),
      scale(view.input(3)),
      shift(view.input(4)),
      y(view.output(0)),
      mean(view.output(1)),
      d_y(view.gradient(0)),
      d_mean(view.gradient(1)),
      d_m2(view.gradient(2)) {}

Number ConvView::u(int64_t x_element) const {
    if (scale.empty()) return x[x_element];
    const int64_t c = x_element % x_shape[3];
    return Number(scale[c]) * x[x_element] + shift[c];
}

Number ConvView::g(int64_t y_element) const {
    const Number own = at_or_zero(d_y, y_element);
    if (!through_moments()) return own;
    const int64_t o = y_element % y_shape[3];
    const Number deviation = Number(y[y_element]) - mean[o];
    return own + Number(at_or_zero(d_mean, o)) / outputs + deviation * (2.0 * at_or_zero(d_m2, o));
}

Number ConvView::d_u(int64_t x_element) const {
    const Number passes = slope(activation, u(x_element));
    if (passes.value == 0.0) return 0.0;
    Sum sum;
    for_each_of_x(x_element, [&](const Product& each) { sum.add(g(each.y) * weight[each.weight]); });
    return sum.total() * passes;
}

std::vector<Operand> ConvView::operands_of_u(int64_t x_element) const {
    if (scale.empty()) return {op.input_at(0, x_element)};
    const int64_t c = x_element % x_shape[3];
    return {op.input_at(0, x_element), op.input_at(3, c), op.input_at(4, c)};
}

Factor ConvView::a_factor(int64_t x_element) const {
    if (!has_prologue()) return {named("x", x_shape, x_element), x[x_element], "", operands_of_u(x_element)};
    const int64_t c = x_element % x_shape[3];
    std::string inside = fmt::format("{:.6g}", x[x_element]);
    if (!scale.empty()) inside = fmt::format("{:.6g} · {}{}", scale[c], inside, plus(shift[c]));
    return {named("a", x_shape, x_element), a(x_element).value, applied(activation, inside),
            operands_of_u(x_element)};
}

Factor ConvView::g_factor(int64_t y_element) const {
    if (!through_moments())
        return {
            named("d_y", y_shape, y_element), at_or_zero(d_y, y_element), "", {op.gradient_at(0, y_element)}};
    const int64_t o = y_element % y_shape[3];
    return {named("g", y_shape, y_element),
            g(y_element).value,
            fmt::format("{:.6g}{} / {}{} · 2 · ({:.6g}{})", at_or_zero(d_y, y_element),
                        plus(at_or_zero(d_mean, o)), outputs, plus(at_or_zero(d_m2, o)), y[y_element],
                        plus(-mean[o])),
            {op.gradient_at(0, y_element), op.gradient_at(1, o), op.gradient_at(2, o),
             op.output_at(0, y_element), op.output_at(1, o)}};
}

Factor ConvView::weight_factor(int64_t weight_element) const {
    return {named("weight", weight_shape, weight_element),
            weight[weight_element],
            "",
            {op.input_at(1, weight_element)}};
}

std::string ConvView::where_g() const {
    return through_moments() ? ",  g = d_y + d_mean / M + d_m2 · 2 · (y − mean)" : "";
}

std::string ConvView::where_a() const {
    if (!has_prologue()) return "";
    return ",  a = " + applied(activation, scale.empty() ? "x" : "scale · x + shift");
}

int64_t ConvView::weight_element(int64_t o, int64_t p, int64_t q, int64_t c) const {
    if (weight_shape.rank() == 2) return o * group_in + c;
    if (weight_shape.rank() == 3) return (p * weight_shape[1] + q) * weight_shape[2] + o;
    return ((o * weight_shape[1] + p) * weight_shape[2] + q) * group_in + c;
}

std::array<int64_t, 4> ConvView::split(const Shape& shape, int64_t element) {
    const std::vector<int64_t> place = place_of(shape, element);
    return {place[0], place[1], place[2], place[3]};
}

std::array<int64_t, 4> ConvView::split_weight(int64_t element) const {
    const std::vector<int64_t> place = place_of(weight_shape, element);
    if (weight_shape.rank() == 2) return {place[0], 0, 0, place[1]};
    if (weight_shape.rank() == 3) return {place[2], place[0], place[1], 0};
    return {place[0], place[1], place[2], place[3]};
}

}  // namespace vitrine::inspect
