// Batch norm without a pass over its input, from the moments that a convolution left: the formulas of kernels/norm.h.

#include <fmt/format.h>

#include "lab/inspect/terms/norm_parts.h"
#include "lab/inspect/terms/ops.h"

namespace vitrine::inspect {
namespace {

enum Output : size_t { out_scale, out_shift };
enum Input : size_t { in_mean, in_spread, in_weight, in_bias };  // the spread: m2, in evaluation the variance

/// A channel of it.
struct Normalize {
    Normalize(const OpView& view, int64_t channel)
        : op(view),
          options(view.options<ops::BatchNormOptions>()),
          c(channel),
          rows(options.training ? rows_of(view) : 1.0),
          mean(view.input(in_mean)[c]),
          variance(view.input(in_spread)[c] / rows),
          rstd(reciprocal_root(Number(variance) + options.epsilon)),
          weight(view.input(in_weight)[c]),
          bias(view.input(in_bias)[c]),
          d_scale(or_zero(view.gradient(out_scale))),
          d_shift(or_zero(view.gradient(out_shift))) {}

    /// How many values of a channel the moments are of: those of the convolution that left them.
    static double rows_of(const OpView& view) {
        const CapturedOp& conv = view.step().ops.at(view.tensor(view.op().inputs[in_mean]).producer);
        const Shape& y = view.tensor(conv.outputs[0]).value.shape();
        return static_cast<double>(y.count() / y[-1]);
    }
    double or_zero(std::span<const double> values) const { return values.empty() ? 0.0 : values[c]; }

    Factor weight_factor() const {
        return {fmt::format("weight[{}]", c), weight, "", {op.input_at(in_weight, c)}};
    }
    Factor rstd_factor() const {
        const std::string inside = fmt::format("{:.6g} / {}", variance * rows, rows);
        return {"rstd",
                rstd.value,
                options.training ? fmt::format("1 / √({} + {:g})", inside, options.epsilon)
                                 : rstd_detail(variance, options.epsilon),
                {op.input_at(in_spread, c)}};
    }
    Factor d_scale_factor() const {
        return {fmt::format("d_scale[{}]", c), d_scale, "", {op.gradient_at(out_scale, c)}};
    }
    Factor d_shift_factor() const {
        return {fmt::format("d_shift[{}]", c), d_shift, "", {op.gradient_at(out_shift, c)}};
    }
    Factor minus_mean() const { return {"−mean", -mean, "", {op.input_at(in_mean, c)}}; }

    const OpView& op;
    ops::BatchNormOptions options;
    int64_t c;
    double rows, mean, variance;
    Number rstd;
    double weight, bias, d_scale, d_shift;
};

void forward(const OpView& view, size_t k, int64_t c, TermWriter& writer) {
    const Normalize norm(view, c);
    const char* rstd = norm.options.training ? "rstd = 1 / √(m2 / rows + ε)" : "rstd = 1 / √(variance + ε)";
    const Number scale = norm.rstd * norm.weight;
    if (k == out_scale) {
        writer.formula(fmt::format("scale = weight · rstd,  {}", rstd));
        writer.add(scale, "scale", {norm.weight_factor(), norm.rstd_factor()});
        return;
    }
    writer.formula(fmt::format("shift = bias − mean · weight · rstd,  {}", rstd));
    writer.add(norm.bias, "bias", {{fmt::format("bias[{}]", c), norm.bias, "", {view.input_at(in_bias, c)}}});
    writer.add(scale * -norm.mean, "the channel's mean",
               {norm.minus_mean(), norm.weight_factor(), norm.rstd_factor()});
}

void backward_m2(const Normalize& norm, TermWriter& writer) {
    writer.formula("d_m2 = −½ · weight · rstd³ / rows · (d_scale − mean · d_shift)");
    const Number cubed = norm.rstd * norm.rstd * norm.rstd;
    const Number factor = cubed * norm.weight * (-0.5 / norm.rows);
    const Factor before{"−½ / rows", -0.5 / norm.rows, ""},
        rstd{"rstd³", cubed.value, "", {norm.op.input_at(in_spread, norm.c)}};
    writer.add(factor * norm.d_scale, "through scale",
               {before, norm.weight_factor(), rstd, norm.d_scale_factor()});
    writer.add(factor * -norm.mean * norm.d_shift, "through shift",
               {before, norm.weight_factor(), rstd, norm.minus_mean(), norm.d_shift_factor()});
}

void backward_weight(const Normalize& norm, TermWriter& writer) {
    writer.formula("d_weight = rstd · (d_scale − mean · d_shift)");
    writer.add(norm.rstd * norm.d_scale, "through scale", {norm.rstd_factor(), norm.d_scale_factor()});
    writer.add(norm.rstd * -norm.mean * norm.d_shift, "through shift",
               {norm.rstd_factor(), norm.minus_mean(), norm.d_shift_factor()});
}

void backward(const OpView& view, size_t k, int64_t c, TermWriter& writer) {
    const Normalize norm(view, c);
    if (k == in_spread) return backward_m2(norm, writer);
    if (k == in_weight) return backward_weight(norm, writer);
    if (k == in_bias) {
        writer.formula("d_bias = d_shift");
        writer.add(norm.d_shift, "through shift", {norm.d_shift_factor()});
        return;
    }
    writer.formula("d_mean = −weight · rstd · d_shift");
    writer.add(norm.rstd * -norm.weight * norm.d_shift, "through shift",
               {{fmt::format("−weight[{}]", c), -norm.weight, "", {view.input_at(in_weight, c)}},
                norm.rstd_factor(),
                norm.d_shift_factor()});
}

void running(const OpView& view, Statistic which, int64_t c, double before, TermWriter& writer) {
    const Normalize norm(view, c);
    if (which == Statistic::mean) {
        writer.formula(running_mean_formula);
        write_running(which, before, norm.options.momentum, norm.mean,
                      {{"mean", norm.mean, "", {view.input_at(in_mean, c)}}}, writer);
        return;
    }
    writer.formula(fmt::format("{},  variance = m2 / rows", running_variance_formula));
    const std::string inside = fmt::format("{:.6g} / {}", view.input(in_spread)[c], norm.rows);
    write_running(which, before, norm.options.momentum, unbiased(norm.rows).value * norm.variance,
                  {unbiased(norm.rows), {"variance", norm.variance, inside, {view.input_at(in_spread, c)}}},
                  writer);
}

}  // namespace

const OpTerms normalize_terms{{"scale", "shift"}, forward, backward, running};

}  // namespace vitrine::inspect
