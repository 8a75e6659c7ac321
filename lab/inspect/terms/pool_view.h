// A pool of a captured step that slides a window.
#pragma once

#include "lab/inspect/terms/ops.h"
#include "lab/inspect/terms/windows.h"

namespace vitrine::inspect {

struct PoolView {
    const OpView& op;
    const Shape &x_shape = op.input_shape(0), &y_shape = op.output_shape(0);
    ops::PoolOptions options = op.options<ops::PoolOptions>();
    Windows windows{
        {x_shape[1], x_shape[2]}, {y_shape[1], y_shape[2]}, options.kernel, options.stride, options.padding};
    double window_size = static_cast<double>(options.kernel.height * options.kernel.width);

    /// visit(element of x): the window of an element of y, padding left out.
    template <class Visit>
    void for_each_of_y(int64_t element, Visit visit) const {
        const std::vector<int64_t> y = place_of(y_shape, element);
        for_each_pixel(windows.rows, y[1], [&](int64_t, int64_t row) {
            for_each_pixel(windows.columns, y[2], [&](int64_t, int64_t column) {
                visit(((y[0] * x_shape[1] + row) * x_shape[2] + column) * x_shape[3] + y[3]);
            });
        });
    }

    /// visit(element of y): the windows that an element of x is in.
    template <class Visit>
    void for_each_of_x(int64_t element, Visit visit) const {
        const std::vector<int64_t> x = place_of(x_shape, element);
        for_each_window(windows.rows, x[1], [&](int64_t, int64_t i) {
            for_each_window(windows.columns, x[2], [&](int64_t, int64_t j) {
                visit(((x[0] * y_shape[1] + i) * y_shape[2] + j) * y_shape[3] + x[3]);
            });
        });
    }
};

}  // namespace vitrine::inspect
