// Batch norm as an op of its own: the formulas of kernels/norm.h. In training each output depends on every input of its channel,
// through their mean and variance; so does each gradient, through two sums.

#include <fmt/format.h>

#include <cmath>

#include "lab/inspect/terms/norm_parts.h"
#include "lab/inspect/terms/ops.h"

namespace vitrine::inspect {
namespace {

enum Input : size_t { in_x, in_weight, in_bias, in_mean, in_variance };

/// A channel of it.
struct BatchNorm {
    BatchNorm(const OpView& view, int64_t channel)
        : op(view),
          options(view.options<ops::BatchNormOptions>()),
          c(channel),
          channels(view.input_shape(in_x)[-1]),
          x(view.input(in_x)),
          d_y(view.gradient(0)),
          weight(view.input(in_weight)[c]),
          bias(view.input(in_bias)[c]),
          rows(static_cast<double>(view.input_shape(in_x).count() / channels)) {
        if (!options.training) {
            mean = view.input(in_mean)[c];
            variance = view.input(in_variance)[c];
        } else {
            mean_sum = sum([&](int64_t i) { return Number(x[i]) / rows; }, "x / rows");
            mean = mean_sum.total();
            variance_sum =
                sum([&](int64_t i) { return squared(Number(x[i]) - mean) / rows; }, "(x − mean)² / rows");
            variance = variance_sum.total();
        }
        rstd = reciprocal_root(variance + options.epsilon);
    }

    /// Σ over the channel of value(element).
    template <class Value>
    TermSum sum(Value value, const char* name) const {
        TermSum total = TermWriter::part();
        for (int64_t i = c; i < std::ssize(x); i += channels) {
            const Number each = value(i);
            total.add(each, [&] {
                return Term{.label = named("at ", op.input_shape(in_x), i),
                            .factors = {{name, each.value, ""}}};
            });
        }
        return total;
    }

    Number x_hat(int64_t i) const { return (Number(x[i]) - mean) * rstd; }
    TermSum sum_d_y() const {
        return sum([&](int64_t i) { return Number(d_y[i]); }, "d_y");
    }
    TermSum sum_d_y_x_hat() const {
        return sum([&](int64_t i) { return x_hat(i) * d_y[i]; }, "d_y · x̂");
    }
    Factor weight_factor() const {
        return {fmt::format("weight[{}]", c), weight, "", {op.input_at(in_weight, c)}};
    }
    Factor d_y_factor(int64_t i) const { return {"d_y", d_y[i], "", {op.gradient_at(0, i)}}; }
    Factor rstd_factor() const { return {"rstd", rstd.value, rstd_detail(variance.value, options.epsilon)}; }
    void keep_moments(TermWriter& writer) const {
        if (!options.training) return;
        writer.keep_part("mean", "Σ x / rows", mean_sum);
        writer.keep_part("variance", "Σ (x − mean)² / rows", variance_sum);
    }

    const OpView& op;
    ops::BatchNormOptions options;
    int64_t c, channels;
    std::span<const double> x, d_y;
    double weight, bias, rows;
    Number mean, variance, rstd;
    TermSum mean_sum = TermWriter::part(), variance_sum = TermWriter::part();
};

void forward(const OpView& view, size_t, int64_t element, TermWriter& writer) {
    const BatchNorm norm(view, element % view.input_shape(in_x)[-1]);
    writer.formula("y = weight · rstd · (x − mean) + bias,  rstd = 1 / √(variance + ε)");
    const Number factor = norm.rstd * norm.weight;
    writer.add(
        factor * norm.x[element], "its input",
        {norm.weight_factor(),
         norm.rstd_factor(),
         {named("x", view.input_shape(in_x), element), norm.x[element], "", {view.input_at(in_x, element)}}});
    writer.add(factor * -norm.mean, "the channel's mean",
               {norm.weight_factor(), norm.rstd_factor(), {"−mean", -norm.mean.value, ""}});
    writer.add(norm.bias, "bias",
               {{fmt::format("bias[{}]", norm.c), norm.bias, "", {view.input_at(in_bias, norm.c)}}});
    norm.keep_moments(writer);
}

void backward_x(const BatchNorm& norm, int64_t element, TermWriter& writer) {
    const Number factor = norm.rstd * norm.weight;
    const double d_y = norm.d_y[element];
    writer.formula(
        norm.options.training
            ? "d_x = weight · rstd · (d_y − Σ d_y / rows − x̂ · Σ (d_y · x̂) / rows),  x̂ = (x − mean) · rstd"
            : "d_x = weight · rstd · d_y");
    const Factor weight = norm.weight_factor(), rstd = norm.rstd_factor();
    writer.add(factor * d_y, "its output", {weight, rstd, norm.d_y_factor(element)});
    if (!norm.options.training) return;
    const TermSum sum = norm.sum_d_y(), sum_x_hat = norm.sum_d_y_x_hat();
    const Number x_hat = norm.x_hat(element);
    const Factor share{"−1/rows", -1.0 / norm.rows, ""};
    writer.add(-(factor * sum.total()) / norm.rows, "through the mean",
               {weight, rstd, share, {"Σ d_y", sum.total().value, ""}});
    writer.add(-(factor * x_hat * sum_x_hat.total()) / norm.rows, "through the variance",
               {weight,
                rstd,
                share,
                {"x̂", x_hat.value, "", {norm.op.input_at(in_x, element)}},
                {"Σ d_y · x̂", sum_x_hat.total().value, ""}});
    writer.keep_part("Σ d_y", "Σ d_y", sum);
    writer.keep_part("Σ d_y · x̂", "Σ d_y · x̂", sum_x_hat);
    norm.keep_moments(writer);
}

void backward(const OpView& view, size_t k, int64_t element, TermWriter& writer) {
    const BatchNorm norm(view, element % view.input_shape(in_x)[-1]);
    if (k == in_x) return backward_x(norm, element, writer);
    writer.formula(k == in_weight ? "d_weight = Σ over images and places  d_y · x̂,  x̂ = (x − mean) · rstd"
                                  : "d_bias = Σ over images and places  d_y");
    for (int64_t i = norm.c; i < std::ssize(norm.x); i += norm.channels) {
        const double d_y = norm.d_y[i];
        const Number x_hat = norm.x_hat(i);
        writer.add(k == in_weight ? x_hat * d_y : Number(d_y), [&] {
            Term term{.label = named("output ", view.output_shape(0), i), .factors = {norm.d_y_factor(i)}};
            if (k == in_weight)
                term.factors.push_back(
                    {"x̂",
                     x_hat.value,
                     fmt::format("({:.6g} − {:.6g}) · {:.6g}", norm.x[i], norm.mean.value, norm.rstd.value),
                     {view.input_at(in_x, i)}});
            return term;
        });
    }
    if (k == in_weight) norm.keep_moments(writer);
}

void running(const OpView& view, Statistic which, int64_t c, double before, TermWriter& writer) {
    const BatchNorm norm(view, c);
    if (which == Statistic::mean) {
        writer.formula(running_mean_formula);
        write_running(which, before, norm.options.momentum, norm.mean, {{"mean", norm.mean.value, ""}},
                      writer);
    } else {
        writer.formula(running_variance_formula);
        write_running(which, before, norm.options.momentum, norm.variance * unbiased(norm.rows).value,
                      {unbiased(norm.rows), {"variance", norm.variance.value, ""}}, writer);
    }
    norm.keep_moments(writer);
}

}  // namespace

const OpTerms batch_norm_terms{{"y"}, forward, backward, running};

}  // namespace vitrine::inspect
