// Dropout. Nothing is saved: the mask is drawn again from its key.

#include "engine/autograd.h"
#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Tensor dropout(const Tensor& x, double probability, const RandomKey& key) {
    require(probability >= 0.0 && probability < 1.0, "dropout", "probability {} is not in [0, 1)",
            probability);
    const int64_t rows = x.shape()[0], features = x.count() / rows;
    Tensor y = Tensor::like(x);
    kernels(x.device()).dropout_forward({x.dtype(), rows, features, probability, key, x.data(), y.data()});
    record(
        "dropout", {x}, y,
        [rows, features, probability, key, d_x = x.slot()](const Tensor& d_y) {
            kernels(d_y.device())
                .dropout_backward({d_y.dtype(), rows, features, probability, key, d_y.data(), receive(d_x)});
        },
        TracedDropout{probability, key});
    return y;
}

}  // namespace vitrine::ops
