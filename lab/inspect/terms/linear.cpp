// y = x · weightᵀ + bias      d_x = d_y · weight      d_weight = d_yᵀ · x      d_bias = Σ_rows d_y

#include <fmt/format.h>

#include "lab/inspect/terms/ops.h"

namespace vitrine::inspect {
namespace {

struct Linear {
    const OpView& op;
    int64_t rows = op.input_shape(0)[0], in = op.input_shape(0)[1], out = op.input_shape(1)[0];
    std::span<const double> x = op.input(0), weight = op.input(1), bias = op.input(2), d_y = op.gradient(0);

    Factor x_at(int64_t row, int64_t i) const {
        return {fmt::format("x[{},{}]", row, i), x[row * in + i], "", {op.input_at(0, row * in + i)}};
    }
    Factor weight_at(int64_t o, int64_t i) const {
        return {fmt::format("weight[{},{}]", o, i), weight[o * in + i], "", {op.input_at(1, o * in + i)}};
    }
    Factor d_y_at(int64_t row, int64_t o) const {
        return {
            fmt::format("d_y[{},{}]", row, o), d_y[row * out + o], "", {op.gradient_at(0, row * out + o)}};
    }
    template <class MakeFactors>
    void add(TermWriter& writer, double a, double b, const char* axis, int64_t i,
             MakeFactors make_factors) const {
        writer.add(Number(a) * b,
                   [&] { return Term{.label = fmt::format("{} {}", axis, i), .factors = make_factors()}; });
    }
};

void forward(const OpView& view, size_t, int64_t element, TermWriter& writer) {
    const Linear op{view};
    const int64_t row = element / op.out, o = element % op.out;
    writer.formula(op.bias.empty() ? "y = Σ x · weight" : "y = Σ x · weight + bias");
    for (int64_t i = 0; i < op.in; ++i)
        op.add(writer, op.x[row * op.in + i], op.weight[o * op.in + i], "input", i, [&] {
            return std::vector{op.x_at(row, i), op.weight_at(o, i)};
        });
    if (!op.bias.empty())
        writer.add(op.bias[o], "bias", {{fmt::format("bias[{}]", o), op.bias[o], "", {view.input_at(2, o)}}});
}

void backward_x(const Linear& op, int64_t element, TermWriter& writer) {
    const int64_t row = element / op.in, i = element % op.in;
    writer.formula("d_x = Σ over outputs  d_y · weight");
    for (int64_t o = 0; o < op.out; ++o)
        op.add(writer, op.d_y[row * op.out + o], op.weight[o * op.in + i], "output", o, [&] {
            return std::vector{op.d_y_at(row, o), op.weight_at(o, i)};
        });
}

void backward_weight(const Linear& op, int64_t element, TermWriter& writer) {
    const int64_t o = element / op.in, i = element % op.in;
    writer.formula("d_weight = Σ over images  d_y · x");
    for (int64_t row = 0; row < op.rows; ++row)
        op.add(writer, op.d_y[row * op.out + o], op.x[row * op.in + i], "image", row, [&] {
            return std::vector{op.d_y_at(row, o), op.x_at(row, i)};
        });
}

void backward_bias(const Linear& op, int64_t o, TermWriter& writer) {
    writer.formula("d_bias = Σ over images  d_y");
    for (int64_t row = 0; row < op.rows; ++row)
        op.add(writer, op.d_y[row * op.out + o], 1.0, "image", row,
               [&] { return std::vector{op.d_y_at(row, o)}; });
}

void backward(const OpView& view, size_t k, int64_t element, TermWriter& writer) {
    const Linear op{view};
    (k == 0 ? backward_x : k == 1 ? backward_weight : backward_bias)(op, element, writer);
}

}  // namespace

const OpTerms linear_terms{{"y"}, forward, backward};

}  // namespace vitrine::inspect
