// Softmax cross-entropy with label smoothing, the mean over the batch. Saves the probabilities.

#include "engine/autograd.h"
#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing) {
    require_rank(logits, 2, "softmax_cross_entropy");
    const int64_t batch = logits.shape()[0], classes = logits.shape()[1];
    require(labels.dtype() == DType::i32 && labels.shape() == Shape{batch}, "softmax_cross_entropy",
            "labels of shape {} for logits {}", labels.shape().to_string(), logits.shape().to_string());

    const Tensor probabilities = Tensor::like(logits);
    Tensor loss = Tensor::empty({1}, logits.placement());
    kernels(logits.device())
        .softmax_cross_entropy_forward({.dtype = logits.dtype(),
                                        .batch = batch,
                                        .classes = classes,
                                        .label_smoothing = label_smoothing,
                                        .logits = logits.data(),
                                        .labels = static_cast<const int32_t*>(labels.data()),
                                        .probabilities = probabilities.data(),
                                        .loss = loss.data()});
    record("softmax_cross_entropy", {logits}, loss,
           [batch, classes, label_smoothing, probabilities, labels,
            d_logits = logits.slot()](const Tensor& d_loss) {
               kernels(d_loss.device())
                   .softmax_cross_entropy_backward({.dtype = d_loss.dtype(),
                                                    .batch = batch,
                                                    .classes = classes,
                                                    .label_smoothing = label_smoothing,
                                                    .probabilities = probabilities.data(),
                                                    .labels = static_cast<const int32_t*>(labels.data()),
                                                    .d_loss = d_loss.data(),
                                                    .d_logits = receive(d_logits)});
           });
    return loss;
}

}  // namespace vitrine::ops
