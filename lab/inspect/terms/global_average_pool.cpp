// y = Σ over the image  x / pixels      d_x = d_y / pixels

#include "lab/inspect/terms/ops.h"

namespace vitrine::inspect {
namespace {

int64_t pixels_of(const OpView& op) { return op.input_shape(0)[1] * op.input_shape(0)[2]; }

void forward(const OpView& op, size_t, int64_t element, TermWriter& writer) {
    const int64_t channels = op.input_shape(0)[3], pixels = pixels_of(op);
    const int64_t first = element / channels * pixels * channels + element % channels;
    const double share = 1.0 / static_cast<double>(pixels);
    writer.formula("y = Σ over the image  x / pixels");
    for (int64_t x = first; x < first + pixels * channels; x += channels) {
        const double value = op.input(0)[x];
        writer.add(Number(value) * share, [&] {
            return Term{.label = named("input ", op.input_shape(0), x),
                        .factors = {{"x", value, "", {op.input_at(0, x)}}, {"1 / pixels", share, ""}}};
        });
    }
}

void backward(const OpView& op, size_t, int64_t element, TermWriter& writer) {
    const int64_t channels = op.input_shape(0)[3], pixels = pixels_of(op);
    const int64_t y = element / (pixels * channels) * channels + element % channels;
    const double d_y = op.gradient(0)[y], share = 1.0 / static_cast<double>(pixels);
    writer.formula("d_x = d_y / pixels");
    writer.add(
        Number(d_y) * share, "its output",
        {{named("d_y", op.output_shape(0), y), d_y, "", {op.gradient_at(0, y)}}, {"1 / pixels", share, ""}});
}

}  // namespace

const OpTerms global_average_pool_terms{{"y"}, forward, backward};

}  // namespace vitrine::inspect
