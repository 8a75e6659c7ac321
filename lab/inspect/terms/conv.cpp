// A convolution, dense, depthwise or pointwise, with its prologue and its epilogue: the formulas of kernels/conv.h.

#include <fmt/format.h>

#include "lab/inspect/terms/conv_view.h"

namespace vitrine::inspect {
namespace {

// An op's outputs and inputs, in the order of engine/ops/conv.cpp.
enum Output : size_t { out_y, out_mean, out_m2 };
enum Input : size_t { in_x, in_weight, in_bias, in_scale, in_shift };

/// "window (0,2), channel 3"; of a window of one pixel only what is behind the comma.
std::string in_window(const ConvView& conv, const Product& each, const std::string& rest) {
    const bool one_pixel = conv.windows.rows.kernel == 1 && conv.windows.columns.kernel == 1;
    return one_pixel ? rest : fmt::format("window ({},{}), {}", each.p, each.q, rest);
}

void forward_y(const ConvView& conv, int64_t element, TermWriter& writer) {
    writer.formula(fmt::format("y = Σ weight · {}{}{}", conv.has_prologue() ? "a" : "x",
                               conv.bias.empty() ? "" : " + bias", conv.where_a()));
    conv.for_each_of_y(element, [&](const Product& each) {
        writer.add(conv.a(each.x) * conv.weight[each.weight], [&] {
            const std::string channel = fmt::format("channel {}", each.x % conv.x_shape[3]);
            return Term{.label = in_window(conv, each, channel),
                        .factors = {conv.weight_factor(each.weight), conv.a_factor(each.x)}};
        });
    });
    if (conv.bias.empty()) return;
    const int64_t o = element % conv.y_shape[3];
    writer.add(conv.bias[o], "bias",
               {{fmt::format("bias[{}]", o), conv.bias[o], "", {conv.op.input_at(in_bias, o)}}});
}

/// Of the epilogue: the mean of a channel, and the sum of its squared deviations.
void forward_moment(const ConvView& conv, size_t k, int64_t o, TermWriter& writer) {
    writer.formula(k == out_mean ? "mean = Σ over images and places  y / M"
                                 : "m2 = Σ over images and places  (y − mean)²");
    ConvView::for_each_in_channel(conv.y_shape, o, [&](int64_t element) {
        const double y = conv.y[element];
        const Number deviation = Number(y) - conv.mean[o];
        const Number value = k == out_mean ? Number(y) / conv.outputs : deviation * deviation.value;
        writer.add(value, [&] {
            const std::string label = named("at ", conv.y_shape, element);
            if (k == out_mean)
                return Term{
                    .label = label,
                    .factors = {
                        {named("y", conv.y_shape, element), y, "", {conv.op.output_at(out_y, element)}},
                        {"1/M", 1.0 / conv.outputs, ""}}};
            const Factor factor{"y − mean",
                                deviation.value,
                                fmt::format("{:.6g} − {:.6g}", y, conv.mean[o]),
                                {conv.op.output_at(out_y, element), conv.op.output_at(out_mean, o)}};
            return Term{.label = label, .factors = {factor, {"y − mean", deviation.value, ""}}};
        });
    });
}

void forward(const OpView& view, size_t k, int64_t element, TermWriter& writer) {
    const ConvView conv(view);
    k == out_y ? forward_y(conv, element, writer) : forward_moment(conv, k, element, writer);
}

const char* g_name(const ConvView& conv) { return conv.through_moments() ? "g" : "d_y"; }

void backward_x(const ConvView& conv, int64_t element, TermWriter& writer) {
    const int64_t c = element % conv.x_shape[3];
    const Number u = conv.u(element), passes = slope(conv.activation, u);
    const bool scaled = !conv.scale.empty(), curved = conv.activation != Activation::identity;
    std::string prologue = scaled ? "scale · " : "";
    if (curved) prologue += slope_name(conv.activation, "u") + " · ";
    writer.formula(fmt::format("d_x = {}Σ weight · {}{}{}", prologue, g_name(conv),
                               scaled && curved ? ",  u = scale · x + shift" : "", conv.where_g()));
    const Number before = (scaled ? Number(conv.scale[c]) : Number(1.0)) * passes;
    conv.for_each_of_x(element, [&](const Product& each) {
        writer.add(before * conv.g(each.y) * conv.weight[each.weight], [&] {
            Term term{.label = in_window(conv, each, named("output ", conv.y_shape, each.y))};
            if (scaled)
                term.factors.push_back(
                    {fmt::format("scale[{}]", c), conv.scale[c], "", {conv.op.input_at(in_scale, c)}});
            if (curved)
                term.factors.push_back({slope_name(conv.activation, "u"), passes.value,
                                        fmt::format("at u = {:.6g}", u.value), conv.operands_of_u(element)});
            term.factors.push_back(conv.weight_factor(each.weight));
            term.factors.push_back(conv.g_factor(each.y));
            return term;
        });
    });
}

void backward_weight(const ConvView& conv, int64_t element, TermWriter& writer) {
    writer.formula(fmt::format("d_weight = Σ over images and places  {} · {}{}{}",
                               conv.has_prologue() ? "a" : "x", g_name(conv), conv.where_a(),
                               conv.where_g()));
    conv.for_each_of_weight(element, [&](const Product& each) {
        writer.add(conv.g(each.y) * conv.a(each.x), [&] {
            return Term{.label = named("output ", conv.y_shape, each.y),
                        .factors = {conv.a_factor(each.x), conv.g_factor(each.y)}};
        });
    });
}

void backward_bias(const ConvView& conv, int64_t o, TermWriter& writer) {
    writer.formula(fmt::format("d_bias = Σ over images and places  {}{}", g_name(conv), conv.where_g()));
    ConvView::for_each_in_channel(conv.y_shape, o, [&](int64_t element) {
        writer.add(conv.g(element), [&] {
            return Term{.label = named("output ", conv.y_shape, element),
                        .factors = {conv.g_factor(element)}};
        });
    });
}

/// d_scale_c = Σ d_u · x      d_shift_c = Σ d_u
void backward_prologue(const ConvView& conv, size_t k, int64_t c, TermWriter& writer) {
    const std::string passes = conv.activation == Activation::identity
                                   ? ""
                                   : slope_name(conv.activation, "scale · x + shift") + " · ";
    writer.formula(fmt::format("{},  d_u = {}Σ weight · {}{}",
                               k == in_scale ? "d_scale = Σ over images and places  d_u · x"
                                             : "d_shift = Σ over images and places  d_u",
                               passes, g_name(conv), conv.where_g()));
    ConvView::for_each_in_channel(conv.x_shape, c, [&](int64_t element) {
        const Number d_u = conv.d_u(element), x = conv.x[element];
        writer.add(k == in_scale ? d_u * x : d_u, [&] {
            Term term{.label = named("input ", conv.x_shape, element), .factors = {{"d_u", d_u.value, ""}}};
            if (k == in_scale)
                term.factors.push_back(
                    {named("x", conv.x_shape, element), x.value, "", {conv.op.input_at(in_x, element)}});
            return term;
        });
    });
}

void backward(const OpView& view, size_t k, int64_t element, TermWriter& writer) {
    const ConvView conv(view);
    if (k == in_x) return backward_x(conv, element, writer);
    if (k == in_weight) return backward_weight(conv, element, writer);
    if (k == in_bias) return backward_bias(conv, element, writer);
    backward_prologue(conv, k, element, writer);
}

}  // namespace

const OpTerms conv_terms{{"y", "mean", "m2"}, forward, backward};

}  // namespace vitrine::inspect
