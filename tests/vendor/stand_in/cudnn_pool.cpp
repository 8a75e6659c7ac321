// The stand-in cuDNN's pooling, window by window.

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/simt/memory.h"
#include "tests/vendor/stand_in/arithmetic.h"
#include "tests/vendor/stand_in/cudnn_objects.h"

namespace vitrine::stand_in {
namespace {

struct Pooling {
    const cudnnPoolingStruct& how;
    const cudnnTensorStruct& x;
    const cudnnTensorStruct& y;
};

bool of_averages(const Pooling& pooling) {
    return pooling.how.mode == CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING ||
           pooling.how.mode == CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING;
}

Pooling checked(cudnnHandle_t handle, cudnnPoolingDescriptor_t how, cudnnTensorDescriptor_t x,
                cudnnTensorDescriptor_t y) {
    require_ready(handle);
    const Pooling pooling{described(how, "the pooling's descriptor"), described(x, "x's descriptor"),
                          described(y, "y's descriptor")};
    const auto size = [](int64_t in, int64_t pad, int64_t window, int64_t stride) {
        return 1 + (in + 2 * pad - window) / stride;
    };
    const cudnnPoolingStruct& p = pooling.how;
    require(pooling.x.type == pooling.y.type && pooling.x.format == pooling.y.format,
            CUDNN_STATUS_NOT_SUPPORTED, "x and y must have the same type and format");
    require(pooling.y.n == pooling.x.n && pooling.y.c == pooling.x.c &&
                pooling.y.h == size(pooling.x.h, p.pad_h, p.window_h, p.stride_h) &&
                pooling.y.w == size(pooling.x.w, p.pad_w, p.window_w, p.stride_w),
            CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH,
            "y must have x's images and channels, and the size that window, padding and stride make");
    return pooling;
}

/// Calls visit(place in y, places in x) for every window; the places leave padding out.
template <class Visit>
void for_each_window(const Pooling& pooling, Visit visit) {
    const auto& [p, x, y] = pooling;
    std::vector<int64_t> places;
    for (int64_t n = 0; n < y.n; ++n)
        for (int64_t i = 0; i < y.h; ++i)
            for (int64_t j = 0; j < y.w; ++j)
                for (int64_t c = 0; c < y.c; ++c) {
                    places.clear();
                    for (int64_t row = i * p.stride_h - p.pad_h, r = 0; r < p.window_h; ++r)
                        for (int64_t column = j * p.stride_w - p.pad_w, q = 0; q < p.window_w; ++q) {
                            if (row + r < 0 || row + r >= x.h || column + q < 0 || column + q >= x.w)
                                continue;
                            places.push_back(x.at(n, c, row + r, column + q));
                        }
                    visit(y.at(n, c, i, j), places);
                }
}

double divisor(const Pooling& pooling, const std::vector<int64_t>& places) {
    return pooling.how.mode == CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING
               ? static_cast<double>(pooling.how.window_h * pooling.how.window_w)
               : static_cast<double>(places.size());
}

template <class T>
double largest(const Pooling& pooling, const T* x, const std::vector<int64_t>& places) {
    // Which cuDNN does not go below: a window of −∞ alone gave this on a GPU.
    auto result = static_cast<double>(std::numeric_limits<T>::lowest());
    for (const int64_t place : places) {
        const auto value = static_cast<double>(x[place]);
        if (std::isnan(value) && pooling.how.nan == CUDNN_PROPAGATE_NAN) return value;
        if (value > result) result = value;
    }
    return result;
}

}  // namespace
}  // namespace vitrine::stand_in

using namespace vitrine;
using namespace vitrine::stand_in;

cudnnStatus_t cudnnPoolingForward(cudnnHandle_t handle, const cudnnPoolingDescriptor_t pooling_descriptor,
                                  const void* alpha, const cudnnTensorDescriptor_t x_descriptor,
                                  const void* x, const void* beta, const cudnnTensorDescriptor_t y_descriptor,
                                  void* y) {
    return call<cudnnStatus_t>("cudnnPoolingForward", [&] {
        const Pooling pooling = checked(handle, pooling_descriptor, x_descriptor, y_descriptor);
        require_factors(alpha, beta);
        require_tensor(x, pooling.x.count(), pooling.x.type, "x");
        require_tensor(y, pooling.y.count(), pooling.y.type, "y");
        const simt::LibraryCall working(handle->stream);
        with_type(pooling.x.type, [&]<class T>() {
            const T* xs = static_cast<const T*>(x);
            for_each_window(pooling, [&](int64_t at_y, const std::vector<int64_t>& places) {
                double value = 0;
                if (of_averages(pooling)) {
                    for (const int64_t place : places) value += static_cast<double>(xs[place]);
                    value /= divisor(pooling, places);
                } else {
                    value = largest(pooling, xs, places);
                }
                blend(static_cast<T*>(y)[at_y], value, *static_cast<const T*>(alpha),
                      *static_cast<const T*>(beta));
            });
        });
    });
}

cudnnStatus_t cudnnPoolingBackward(cudnnHandle_t handle, const cudnnPoolingDescriptor_t pooling_descriptor,
                                   const void* alpha, const cudnnTensorDescriptor_t y_descriptor,
                                   const void* y, const cudnnTensorDescriptor_t dy_descriptor, const void* dy,
                                   const cudnnTensorDescriptor_t x_descriptor, const void* x,
                                   const void* beta, const cudnnTensorDescriptor_t dx_descriptor, void* dx) {
    return call<cudnnStatus_t>("cudnnPoolingBackward", [&] {
        const Pooling pooling = checked(handle, pooling_descriptor, x_descriptor, y_descriptor);
        checked(handle, pooling_descriptor, dx_descriptor, dy_descriptor);
        require_factors(alpha, beta);
        require(of_averages(pooling), CUDNN_STATUS_NOT_SUPPORTED,
                "the stand-in has the gradients of averages alone");
        require_tensor(y, pooling.y.count(), pooling.y.type, "y");
        require_tensor(dy, pooling.y.count(), pooling.y.type, "dy");
        require_tensor(x, pooling.x.count(), pooling.x.type, "x");
        require_tensor(dx, pooling.x.count(), pooling.x.type, "dx");
        const simt::LibraryCall working(handle->stream);
        with_type(pooling.x.type, [&]<class T>() {
            std::vector<double> sums(static_cast<size_t>(pooling.x.count()));
            for_each_window(pooling, [&](int64_t at_y, const std::vector<int64_t>& places) {
                const double share =
                    static_cast<double>(static_cast<const T*>(dy)[at_y]) / divisor(pooling, places);
                for (const int64_t place : places) sums[static_cast<size_t>(place)] += share;
            });
            for (size_t i = 0; i < sums.size(); ++i)
                blend(static_cast<T*>(dx)[i], sums[i], *static_cast<const T*>(alpha),
                      *static_cast<const T*>(beta));
        });
    });
}
