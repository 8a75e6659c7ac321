// y = the largest of the window; of equal ones the first, and a NaN before everything.
// d_x = Σ over the windows that it won  d_y

#include <cmath>

#include "lab/inspect/terms/pool_view.h"

namespace vitrine::inspect {
namespace {

/// The element of x that is an element of y.
int64_t winner_of(const PoolView& pool, int64_t y) {
    const std::span<const double> x = pool.op.input(0);
    int64_t winner = none;
    pool.for_each_of_y(y, [&](int64_t i) {
        const bool beats =
            winner == none || (!std::isnan(x[winner]) && (std::isnan(x[i]) || x[i] > x[winner]));
        if (beats) winner = i;
    });
    return winner;
}

void forward(const OpView& view, size_t, int64_t element, TermWriter& writer) {
    const PoolView pool{view};
    const int64_t winner = winner_of(pool, element);
    writer.formula("y = Σ over the window  x · [x is the largest]");
    pool.for_each_of_y(element, [&](int64_t x) {
        const double value = view.input(0)[x], wins = x == winner ? 1.0 : 0.0;
        writer.add(x == winner ? value : 0.0, named("input ", pool.x_shape, x),
                   {{"x", value, "", {view.input_at(0, x)}}, {"is the largest", wins, ""}});
    });
}

void backward(const OpView& view, size_t, int64_t element, TermWriter& writer) {
    const PoolView pool{view};
    writer.formula("d_x = Σ over the windows that it is in  d_y · [x is the largest]");
    pool.for_each_of_x(element, [&](int64_t y) {
        const double d_y = view.gradient(0)[y], wins = winner_of(pool, y) == element ? 1.0 : 0.0;
        writer.add(Number(d_y) * wins, named("output ", pool.y_shape, y),
                   {{"d_y", d_y, "", {view.gradient_at(0, y)}}, {"is the largest", wins, ""}});
    });
}

}  // namespace

const OpTerms max_pool_terms{{"y"}, forward, backward};

}  // namespace vitrine::inspect
