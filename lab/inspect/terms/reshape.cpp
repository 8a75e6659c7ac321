// The same elements under another shape: y = x      d_x = d_y

#include "lab/inspect/terms/ops.h"

namespace vitrine::inspect {
namespace {

void forward(const OpView& op, size_t, int64_t element, TermWriter& writer) {
    writer.formula("y = x, under another shape");
    const double x = op.input(0)[element];
    writer.add(x, "its input", {{named("x", op.input_shape(0), element), x, "", {op.input_at(0, element)}}});
}

void backward(const OpView& op, size_t, int64_t element, TermWriter& writer) {
    writer.formula("d_x = d_y, under another shape");
    const double d_y = op.gradient(0)[element];
    writer.add(d_y, "its output",
               {{named("d_y", op.output_shape(0), element), d_y, "", {op.gradient_at(0, element)}}});
}

}  // namespace

const OpTerms reshape_terms{{"y"}, forward, backward};

}  // namespace vitrine::inspect
