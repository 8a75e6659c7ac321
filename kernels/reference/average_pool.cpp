// Average pooling, as plain loops: y = Σ window / (kernel.height · kernel.width).

#include <vector>

#include "kernels/kernels.h"
#include "kernels/reference/pool_loops.h"

namespace vitrine::reference {
namespace {

constexpr auto forward = all_types([]<class T>(const AveragePoolForward& args, Context&) {
    const PoolShape& shape = args.shape;
    const T* x = static_cast<const T*>(args.x);
    T* y = static_cast<T*>(args.y);
    const double window_size = static_cast<double>(shape.kernel.height * shape.kernel.width);
    for_each_window(shape, [&](int64_t n, int64_t i, int64_t j, int64_t c) {
        double sum = 0;
        for_each_pixel_in_window(shape, i, j, [&](int64_t row, int64_t column) {
            sum += double{x[x_index(shape, n, row, column, c)]};
        });
        y[y_index(shape, n, i, j, c)] = static_cast<T>(sum / window_size);
    });
});

constexpr auto backward = all_types([]<class T>(const AveragePoolBackward& args, Context&) {
    const PoolShape& shape = args.shape;
    const T* d_y = static_cast<const T*>(args.d_y);
    const GradientWriter<T> d_x(args.d_x);
    if (!d_x) return;
    const double window_size = static_cast<double>(shape.kernel.height * shape.kernel.width);
    std::vector<double> sum(
        static_cast<size_t>(x_count(shape)));  // windows overlap: every pixel sums its shares
    for_each_window(shape, [&](int64_t n, int64_t i, int64_t j, int64_t c) {
        const double share = double{d_y[y_index(shape, n, i, j, c)]} / window_size;
        for_each_pixel_in_window(shape, i, j, [&](int64_t row, int64_t column) {
            sum[static_cast<size_t>(x_index(shape, n, row, column, c))] += share;
        });
    });
    for (size_t index = 0; index < sum.size(); ++index)
        d_x(static_cast<int64_t>(index), static_cast<Accumulate<T>>(sum[index]));
});

constexpr Implementation<AveragePoolForward> forward_list[]{{"loops", refuses_nothing, forward}};
constexpr Implementation<AveragePoolBackward> backward_list[]{{"loops", refuses_nothing, backward}};

}  // namespace

const Kernel<AveragePoolForward> average_pool_forward{"average_pool_forward", forward_list};
const Kernel<AveragePoolBackward> average_pool_backward{"average_pool_backward", backward_list};

}  // namespace vitrine::reference
