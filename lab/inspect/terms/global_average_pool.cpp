// y = Σ over the image  a / pixels, a = activation([scale ·] x [+ shift]), and with d_u = activation'(u) · d_y / pixels
// d_x = [scale] · d_u      d_scale = Σ d_u · x      d_shift = Σ d_u      (kernels/pool.h)

#include <fmt/format.h>

#include "lab/inspect/terms/curves.h"
#include "lab/inspect/terms/ops.h"

namespace vitrine::inspect {
namespace {

// In the order of engine/ops/global_average_pool.cpp.
enum Input : size_t { in_x, in_scale, in_shift };

struct GlobalPool {
    const OpView& op;
    Activation activation = op.options<Activation>();
    int64_t channels = op.input_shape(in_x)[3];
    int64_t pixels = op.input_shape(in_x)[1] * op.input_shape(in_x)[2];
    double share = 1.0 / static_cast<double>(pixels);

    bool scaled() const { return op.has_input(in_scale); }
    bool clamps() const { return activation != Activation::identity; }
    std::string formula_of_u() const { return scaled() ? "scale · x + shift" : "x"; }

    Number u(int64_t x) const {
        if (!scaled()) return op.input(in_x)[x];
        const int64_t c = x % channels;
        return Number(op.input(in_scale)[c]) * op.input(in_x)[x] + op.input(in_shift)[c];
    }
    std::vector<Operand> operands_of_u(int64_t x) const {
        if (!scaled()) return {op.input_at(in_x, x)};
        const int64_t c = x % channels;
        return {op.input_at(in_x, x), op.input_at(in_scale, c), op.input_at(in_shift, c)};
    }

    std::string label(int64_t x) const { return named("input ", op.input_shape(in_x), x); }
    Factor x_factor(int64_t x) const { return {"x", op.input(in_x)[x], "", {op.input_at(in_x, x)}}; }
    Factor share_factor() const { return {"1 / pixels", share, ""}; }
    Factor scale_factor(int64_t c) const {
        return {fmt::format("scale[{}]", c), op.input(in_scale)[c], "", {op.input_at(in_scale, c)}};
    }
    /// What the average is of.
    Factor a_factor(int64_t x) const {
        if (!scaled() && !clamps()) return x_factor(x);
        std::string inside = fmt::format("{:.6g}", op.input(in_x)[x]);
        if (scaled()) {
            const int64_t c = x % channels;
            inside = fmt::format("{:.6g} · {}{}", op.input(in_scale)[c], inside, plus(op.input(in_shift)[c]));
        }
        return {"a", activated(activation, u(x)).value, applied(activation, inside), operands_of_u(x)};
    }

    /// The element of y that an element of x is averaged into.
    int64_t y_of(int64_t x) const { return x / (pixels * channels) * channels + x % channels; }
    Number d_u(int64_t x) const { return slope(activation, u(x)) * op.gradient(0)[y_of(x)] * share; }
    void add_factors_of_d_u(int64_t x, std::vector<Factor>& factors) const {
        if (clamps())
            factors.push_back({slope_name(activation, "u"), slope(activation, u(x)).value,
                               fmt::format("at u = {:.6g}", u(x).value), operands_of_u(x)});
        const int64_t y = y_of(x);
        factors.push_back(
            {named("d_y", op.output_shape(0), y), op.gradient(0)[y], "", {op.gradient_at(0, y)}});
        factors.push_back(share_factor());
    }
    std::string formula_of_d_u() const {
        return (clamps() ? slope_name(activation, "u") + " · " : "") + "d_y / pixels";
    }
    /// Where u is more than x.
    std::string where_u() const { return clamps() ? ",  u = " + formula_of_u() : ""; }
};

void forward(const OpView& op, size_t, int64_t element, TermWriter& writer) {
    const GlobalPool pool{op};
    const bool pending = pool.scaled() || pool.clamps();
    writer.formula(pending ? "y = Σ over the image  a / pixels,  a = " +
                                 applied(pool.activation, pool.formula_of_u())
                           : "y = Σ over the image  x / pixels");
    const int64_t image = pool.pixels * pool.channels;
    const int64_t first = element / pool.channels * image + element % pool.channels;
    for (int64_t x = first; x < first + image; x += pool.channels) {
        writer.add(activated(pool.activation, pool.u(x)) * pool.share, [&] {
            return Term{.label = pool.label(x), .factors = {pool.a_factor(x), pool.share_factor()}};
        });
    }
}

void backward_x(const GlobalPool& pool, int64_t element, TermWriter& writer) {
    const int64_t c = element % pool.channels;
    const Number scale = pool.scaled() ? Number(pool.op.input(in_scale)[c]) : Number(1.0);
    writer.formula(
        fmt::format("d_x = {}{}{}", pool.scaled() ? "scale · " : "", pool.formula_of_d_u(), pool.where_u()));
    writer.add(scale * pool.d_u(element), [&] {
        Term term{.label = "its output"};
        if (pool.scaled()) term.factors.push_back(pool.scale_factor(c));
        pool.add_factors_of_d_u(element, term.factors);
        return term;
    });
}

void backward(const OpView& op, size_t k, int64_t element, TermWriter& writer) {
    const GlobalPool pool{op};
    if (k == in_x) return backward_x(pool, element, writer);
    const bool is_scale = k == in_scale;
    writer.formula(fmt::format("{} = Σ over images and places  {}{}{}", is_scale ? "d_scale" : "d_shift",
                               pool.formula_of_d_u(), is_scale ? " · x" : "", pool.where_u()));
    for (int64_t x = element; x < op.input_shape(in_x).count(); x += pool.channels) {
        const Number d_u = pool.d_u(x);
        writer.add(is_scale ? d_u * op.input(in_x)[x] : d_u, [&] {
            Term term{.label = pool.label(x)};
            pool.add_factors_of_d_u(x, term.factors);
            if (is_scale) term.factors.push_back(pool.x_factor(x));
            return term;
        });
    }
}

}  // namespace

const OpTerms global_average_pool_terms{{"y"}, forward, backward};

}  // namespace vitrine::inspect
