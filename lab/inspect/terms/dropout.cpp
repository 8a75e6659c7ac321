// y = x · keep / (1 − probability)      d_x = d_y · keep / (1 − probability)
//
// Whether an element is kept is a pure function of its key (kernels/elementwise.h), drawn again here.

#include <fmt/format.h>

#include "kernels/philox.h"
#include "lab/inspect/terms/ops.h"

namespace vitrine::inspect {
namespace {

/// x · keep · factor, x being the input forward and the output's gradient backward.
void kept(const OpView& op, const char* name, double x, const Operand& of, int64_t element,
          TermWriter& writer) {
    const auto& [probability, key] = op.options<TracedDropout>();
    const Shape& shape = op.output_shape(0);
    const int64_t features = shape.count() / shape[0];
    RandomKey of_row = key;
    of_row.sample = static_cast<uint32_t>(element / features);
    const float drawn = uniform_from_word(random_word(of_row, static_cast<uint64_t>(element % features)));
    const bool keep = static_cast<double>(drawn) >= probability;
    const double factor = op.rounded(1.0 / (1.0 - probability));
    const std::string draw = fmt::format("drawn {:.6g} {} {:.6g}", drawn, keep ? "≥" : "<", probability);
    writer.add(Number(x) * (keep ? factor : 0.0), keep ? "kept" : "dropped",
               {{named(name, shape, element), x, "", {of}},
                {"keep", keep ? 1.0 : 0.0, draw},
                {"1 / (1 − probability)", factor, ""}});
}

void forward(const OpView& op, size_t, int64_t element, TermWriter& writer) {
    writer.formula("y = x · keep / (1 − probability)");
    kept(op, "x", op.input(0)[element], op.input_at(0, element), element, writer);
}

void backward(const OpView& op, size_t, int64_t element, TermWriter& writer) {
    writer.formula("d_x = d_y · keep / (1 − probability)");
    kept(op, "d_y", op.gradient(0)[element], op.gradient_at(0, element), element, writer);
}

}  // namespace

const OpTerms dropout_terms{{"y"}, forward, backward};

}  // namespace vitrine::inspect
