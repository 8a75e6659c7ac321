// y = a + b      d_a = d_y      d_b = d_y

#include "lab/inspect/terms/ops.h"

namespace vitrine::inspect {
namespace {

void forward(const OpView& op, size_t, int64_t element, TermWriter& writer) {
    writer.formula("y = a + b");
    for (size_t k = 0; k < 2; ++k) {
        const double x = op.input(k)[element];
        writer.add(x, op.tensor(op.op().inputs[k]).name,
                   {{k == 0 ? "a" : "b", x, "", {op.input_at(k, element)}}});
    }
}

void backward(const OpView& op, size_t k, int64_t element, TermWriter& writer) {
    writer.formula(k == 0 ? "d_a = d_y" : "d_b = d_y");
    const double d_y = op.gradient(0)[element];
    writer.add(d_y, "its output", {{"d_y", d_y, "", {op.gradient_at(0, element)}}});
}

}  // namespace

const OpTerms add_terms{{"y"}, forward, backward};

}  // namespace vitrine::inspect
