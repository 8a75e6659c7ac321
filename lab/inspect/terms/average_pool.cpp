// y = Σ window / (height · width of the window): padding counts as zeros.      d_x = Σ over windows  d_y / (height · width)

#include "lab/inspect/terms/pool_view.h"

namespace vitrine::inspect {
namespace {

void forward(const OpView& view, size_t, int64_t element, TermWriter& writer) {
    const PoolView pool{view};
    writer.formula("y = Σ over the window  x / (height · width)");
    pool.for_each_of_y(element, [&](int64_t x) {
        const double value = view.input(0)[x];
        writer.add(
            Number(value) / pool.window_size, named("input ", pool.x_shape, x),
            {{"x", value, "", {view.input_at(0, x)}}, {"1 / (height · width)", 1.0 / pool.window_size, ""}});
    });
}

void backward(const OpView& view, size_t, int64_t element, TermWriter& writer) {
    const PoolView pool{view};
    writer.formula("d_x = Σ over the windows that it is in  d_y / (height · width)");
    pool.for_each_of_x(element, [&](int64_t y) {
        const double d_y = view.gradient(0)[y];
        writer.add(Number(d_y) / pool.window_size, named("output ", pool.y_shape, y),
                   {{"d_y", d_y, "", {view.gradient_at(0, y)}},
                    {"1 / (height · width)", 1.0 / pool.window_size, ""}});
    });
}

}  // namespace

const OpTerms average_pool_terms{{"y"}, forward, backward};

}  // namespace vitrine::inspect
