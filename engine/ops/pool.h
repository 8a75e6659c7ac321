// What average and maximum pooling share.
#pragma once

#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "kernels/pool.h"

namespace vitrine::ops {

inline PoolShape pool_shape(const char* op, const Tensor& x, const PoolOptions& options) {
    require_rank(x, 4, op);
    const PoolShape shape{.batch = x.shape()[0],
                          .in = {x.shape()[1], x.shape()[2]},
                          .channels = x.shape()[3],
                          .kernel = options.kernel,
                          .stride = options.stride,
                          .padding = options.padding};
    require(shape.in.height + 2 * shape.padding.height >= shape.kernel.height &&
                shape.in.width + 2 * shape.padding.width >= shape.kernel.width,
            op, "a window of {}x{} does not fit into an image of shape {}", shape.kernel.height,
            shape.kernel.width, x.shape().to_string());
    return shape;
}

inline Shape pool_output(const PoolShape& shape) {
    return {shape.batch, shape.out().height, shape.out().width, shape.channels};
}

}  // namespace vitrine::ops
