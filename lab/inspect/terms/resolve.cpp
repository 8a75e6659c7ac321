// Where what is pending happens after all: z = activation([a_scale ·] a [+ a_shift] [+ [b_scale ·] b [+ b_shift]]), and
// d_u = activation'(u) · d_z      d_x = [scale] · d_u      d_scale = Σ d_u · x      d_shift = Σ d_u      (kernels/resolve.h)

#include <fmt/format.h>

#include "lab/inspect/terms/curves.h"
#include "lab/inspect/terms/ops.h"

namespace vitrine::inspect {
namespace {

// Inputs: x, scale and shift of a, then of b.
constexpr size_t operand_size = 3;
enum Place : size_t { part_x, part_scale, part_shift };

struct Resolve {
    const OpView& op;
    Activation activation = op.options<Activation>();
    int64_t channels = op.output_shape(0)[-1];
    std::span<const double> d_z = op.gradient(0);

    /// "a", "b_scale", …
    static std::string name(size_t input) {
        static constexpr const char* parts[]{"", "_scale", "_shift"};
        return fmt::format("{}{}", input < operand_size ? "a" : "b", parts[input % operand_size]);
    }

    /// add(value, describe) for each term of u at an element.
    template <class Add>
    void for_each_term(int64_t element, Add add) const {
        const int64_t c = element % channels;
        for (const size_t x : {size_t{0}, operand_size}) {
            if (!op.has_input(x)) continue;
            const double value = op.input(x)[element];
            const std::string& label = op.tensor(op.op().inputs[x]).name;
            if (!op.has_input(x + part_scale)) {
                add(Number(value), [&] { return Term{.label = label, .factors = {x_factor(x, element)}}; });
                continue;
            }
            add(Number(value) * op.input(x + part_scale)[c], [&] {
                return Term{.label = label,
                            .factors = {channel_factor(x + part_scale, c), x_factor(x, element)}};
            });
            add(Number(op.input(x + part_shift)[c]), [&] {
                return Term{.label = label + " (shift)", .factors = {channel_factor(x + part_shift, c)}};
            });
        }
    }

    Factor x_factor(size_t x, int64_t element) const {
        return {
            named(name(x), op.output_shape(0), element), op.input(x)[element], "", {op.input_at(x, element)}};
    }
    Factor channel_factor(size_t k, int64_t c) const {
        return {fmt::format("{}[{}]", name(k), c), op.input(k)[c], "", {op.input_at(k, c)}};
    }

    Number u(int64_t element) const {
        Sum sum;
        for_each_term(element, [&](const Number& value, const auto&) { sum.add(value); });
        return sum.total();
    }

    /// What u is made of at an element.
    std::vector<Operand> operands_of_u(int64_t element) const {
        std::vector<Operand> operands;
        for (size_t k = 0; k < 2 * operand_size; ++k)
            if (op.has_input(k))
                operands.push_back(op.input_at(k, k % operand_size == part_x ? element : element % channels));
        return operands;
    }

    std::string formula_of_u() const {
        std::string text;
        for (const size_t x : {size_t{0}, operand_size}) {
            if (!op.has_input(x)) continue;
            if (!text.empty()) text += " + ";
            text += op.has_input(x + part_scale)
                        ? fmt::format("{} · {} + {}", name(x + part_scale), name(x), name(x + part_shift))
                        : name(x);
        }
        return text;
    }

    /// Of backward terms: what d_z is multiplied by first.
    Factor slope_factor(const Number& u, int64_t element) const {
        return {slope_name(activation, "u"), slope(activation, u).value,
                fmt::format("at u = {:.6g}", u.value), operands_of_u(element)};
    }
};

void forward(const OpView& view, size_t, int64_t element, TermWriter& writer) {
    const Resolve op{view};
    writer.formula(fmt::format("z = {}", applied(op.activation, op.formula_of_u())));
    if (op.activation == Activation::identity) {
        op.for_each_term(element, [&](const Number& value, auto describe) { writer.add(value, describe); });
        return;
    }
    TermSum u = TermWriter::part();
    op.for_each_term(element, [&](const Number& value, auto describe) { u.add(value, describe); });
    const Number z = activated(op.activation, u.total());
    writer.add(z, "activated",
               {{applied(op.activation, "u"), z.value,
                 applied(op.activation, fmt::format("{:.6g}", u.total().value)), op.operands_of_u(element)}});
    writer.keep_part("u", op.formula_of_u(), u);
}

/// d_x, or a term of d_scale and d_shift: activation'(u) · d_z · what `describe` makes a factor of.
template <class Describe>
void add_term(const Resolve& op, int64_t element, double other, Describe describe, TermWriter& writer) {
    const Number u = op.u(element);
    writer.add(slope(op.activation, u) * op.d_z[element] * other, [&] {
        Term term{.label = named("output ", op.op.output_shape(0), element)};
        if (op.activation != Activation::identity) term.factors.push_back(op.slope_factor(u, element));
        term.factors.push_back({"d_z", op.d_z[element], "", {op.op.gradient_at(0, element)}});
        describe(term.factors);
        return term;
    });
}

void backward(const OpView& view, size_t k, int64_t element, TermWriter& writer) {
    const Resolve op{view};
    const size_t x = k - k % operand_size;
    const std::string d_u = op.activation == Activation::identity
                                ? "d_z"
                                : slope_name(op.activation, op.formula_of_u()) + " · d_z";
    if (k == x) {
        const size_t scale = x + part_scale;
        const bool scaled = view.has_input(scale);
        const int64_t c = element % op.channels;
        writer.formula(
            fmt::format("d_{} = {}{}", Resolve::name(x), d_u, scaled ? " · " + Resolve::name(scale) : ""));
        const auto describe = [&](std::vector<Factor>& factors) {
            if (scaled) factors.push_back(op.channel_factor(scale, c));
        };
        add_term(op, element, scaled ? view.input(scale)[c] : 1.0, describe, writer);
        return;
    }
    const bool is_scale = k == x + part_scale;
    writer.formula(fmt::format("d_{} = Σ over images and places  {}{}", Resolve::name(k), d_u,
                               is_scale ? " · " + Resolve::name(x) : ""));
    for (int64_t i = element; i < view.output_shape(0).count(); i += op.channels) {
        const auto describe = [&](std::vector<Factor>& factors) {
            if (is_scale) factors.push_back(op.x_factor(x, i));
        };
        add_term(op, i, is_scale ? view.input(x)[i] : 1.0, describe, writer);
    }
}

}  // namespace

const OpTerms resolve_terms{{"z"}, forward, backward};

}  // namespace vitrine::inspect
