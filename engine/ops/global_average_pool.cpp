// The average of each channel over the whole image.

#include "engine/autograd.h"
#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Tensor global_average_pool(const Tensor& x) {
    require_rank(x, 4, "global_average_pool");
    const int64_t batch = x.shape()[0], pixels = x.shape()[1] * x.shape()[2], channels = x.shape()[3];
    Tensor y = Tensor::empty({batch, channels}, x.placement());
    kernels(x.device()).global_average_pool_forward({x.dtype(), batch, pixels, channels, x.data(), y.data()});
    record("global_average_pool", {x}, y, [batch, pixels, channels, d_x = x.slot()](const Tensor& d_y) {
        kernels(d_y.device())
            .global_average_pool_backward({d_y.dtype(), batch, pixels, channels, d_y.data(), receive(d_x)});
    });
    return y;
}

}  // namespace vitrine::ops
