// Average pooling over windows.

#include "engine/autograd.h"
#include "engine/ops/pool.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Tensor average_pool(const Tensor& x, const PoolOptions& options) {
    const PoolShape shape = pool_shape("average_pool", x, options);
    Tensor y = Tensor::empty(pool_output(shape), x.placement());
    kernels(x.device()).average_pool_forward({x.dtype(), shape, x.data(), y.data()});
    record(
        "average_pool", {x}, y,
        [shape, d_x = x.slot()](const Tensor& d_y) {
            kernels(d_y.device()).average_pool_backward({d_y.dtype(), shape, d_y.data(), receive(d_x)});
        },
        options);
    return y;
}

}  // namespace vitrine::ops
