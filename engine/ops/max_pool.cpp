// Maximum pooling over windows. Saves where each maximum came from.

#include "engine/autograd.h"
#include "engine/ops/pool.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Tensor max_pool(const Tensor& x, const PoolOptions& options) {
    const PoolShape shape = pool_shape("max_pool", x, options);
    Tensor y = Tensor::empty(pool_output(shape), x.placement());
    const Tensor index = Tensor::empty(y.shape(), {DType::i32, x.device()});
    kernels(x.device())
        .max_pool_forward({x.dtype(), shape, x.data(), y.data(), static_cast<int32_t*>(index.data())});
    record(
        "max_pool", {x}, y,
        [shape, index, d_x = x.slot()](const Tensor& d_y) {
            kernels(d_y.device())
                .max_pool_backward({d_y.dtype(), shape, static_cast<const int32_t*>(index.data()), d_y.data(),
                                    receive(d_x)});
        },
        options);
    return y;
}

}  // namespace vitrine::ops
