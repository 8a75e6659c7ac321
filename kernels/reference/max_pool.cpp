// Max pooling, as plain loops. Forward remembers each window's winner; backward sends the gradient there.

#include <cmath>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/reference/pool_loops.h"

namespace vitrine::reference {
namespace {

/// The first of equal values stays, and so does a NaN.
bool beats(double challenger, double champion) {
    return !std::isnan(champion) && (std::isnan(challenger) || challenger > champion);
}

constexpr auto forward = all_types([]<class T>(const MaxPoolForward& args, Context&) {
    const PoolShape& shape = args.shape;
    const T* x = static_cast<const T*>(args.x);
    for_each_window(shape, [&](int64_t n, int64_t i, int64_t j, int64_t c) {
        int64_t winner = -1;  // none yet
        double maximum = 0;
        for_each_pixel_in_window(shape, i, j, [&](int64_t row, int64_t column) {
            const double value{x[x_index(shape, n, row, column, c)]};
            if (winner >= 0 && !beats(value, maximum)) return;
            winner = row * shape.in.width + column;
            maximum = value;
        });
        static_cast<T*>(args.y)[y_index(shape, n, i, j, c)] = static_cast<T>(maximum);
        args.index[y_index(shape, n, i, j, c)] = static_cast<int32_t>(winner);
    });
});

constexpr auto backward = all_types([]<class T>(const MaxPoolBackward& args, Context&) {
    const PoolShape& shape = args.shape;
    const T* d_y = static_cast<const T*>(args.d_y);
    const GradientWriter<T> d_x(args.d_x);
    if (!d_x) return;
    std::vector<double> sum(static_cast<size_t>(x_count(shape)));  // a pixel can win several windows
    for_each_window(shape, [&](int64_t n, int64_t i, int64_t j, int64_t c) {
        const int64_t y = y_index(shape, n, i, j, c);
        const int64_t row = args.index[y] / shape.in.width;
        const int64_t column = args.index[y] % shape.in.width;
        sum[static_cast<size_t>(x_index(shape, n, row, column, c))] += double{d_y[y]};
    });
    for (size_t index = 0; index < sum.size(); ++index)
        d_x(static_cast<int64_t>(index), static_cast<Accumulate<T>>(sum[index]));
});

constexpr Implementation<MaxPoolForward> forward_list[]{{"loops", refuses_nothing, forward}};
constexpr Implementation<MaxPoolBackward> backward_list[]{{"loops", refuses_nothing, backward}};

}  // namespace

const Kernel<MaxPoolForward> max_pool_forward{"max_pool_forward", forward_list};
const Kernel<MaxPoolBackward> max_pool_backward{"max_pool_backward", backward_list};

}  // namespace vitrine::reference
