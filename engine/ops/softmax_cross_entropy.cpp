// Softmax cross-entropy with label smoothing and weights of classes, the mean over the batch. Saves the
// probabilities.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "engine/autograd.h"
#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

namespace {

const int32_t* labels_of(const Tensor& labels) {
    return labels.defined() ? static_cast<const int32_t*>(labels.data()) : nullptr;
}

}  // namespace

Tensor class_weights(std::span<const double> weights, const Placement& placement) {
    const bool valid =
        std::ranges::all_of(weights, [](double each) { return each >= 0.0 && std::isfinite(each); });
    const double largest = weights.empty() ? 0.0 : std::ranges::max(weights);
    require(valid && largest > 0.0, "class_weights",
            "of {} weights one is negative or not finite, or all are 0", weights.size());
    std::vector<double> scaled(weights.begin(), weights.end());
    for (double& each : scaled) each /= largest;  // first, so that no sum overflows
    const double mean =
        std::accumulate(scaled.begin(), scaled.end(), 0.0) / static_cast<double>(scaled.size());
    for (double& each : scaled) each /= mean;
    return Tensor::from_host(std::span<const double>(scaled), {std::ssize(scaled)}, placement);
}

Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing,
                             const MixedLabels& other, const Tensor& class_weights) {
    require_rank(logits, 2, "softmax_cross_entropy");
    const int64_t batch = logits.shape()[0], classes = logits.shape()[1];
    const auto require_labels = [&](const Tensor& each) {
        require(each.dtype() == DType::i32 && each.shape() == Shape{batch}, "softmax_cross_entropy",
                "labels of shape {} for logits {}", each.shape().to_string(), logits.shape().to_string());
    };
    require_labels(labels);
    if (other.labels.defined()) require_labels(other.labels);
    require(other.labels.defined() || other.lambda == 1.0, "softmax_cross_entropy",
            "a share of {} and no labels for the rest", other.lambda);

    if (class_weights.defined())
        require_per_channel(class_weights, classes, "softmax_cross_entropy", "class weights");

    const Placement accumulated = logits.placement().accumulated();
    const Tensor probabilities = Tensor::empty(logits.shape(), accumulated);
    const Tensor total_weight = class_weights.defined() ? Tensor::empty({1}, accumulated) : Tensor();
    Tensor loss = Tensor::empty({1}, accumulated);
    kernels(logits.device())
        .softmax_cross_entropy_forward({.dtype = logits.dtype(),
                                        .batch = batch,
                                        .classes = classes,
                                        .label_smoothing = label_smoothing,
                                        .logits = logits.data(),
                                        .labels = labels_of(labels),
                                        .labels_b = labels_of(other.labels),
                                        .lambda = other.lambda,
                                        .probabilities = probabilities.data(),
                                        .loss = loss.data(),
                                        .class_weights = class_weights.data(),
                                        .total_weight = total_weight.data()});
    record(
        "softmax_cross_entropy", {logits, labels, other.labels, class_weights}, loss,
        [dtype = logits.dtype(), batch, classes, label_smoothing, probabilities, labels, other, class_weights,
         total_weight, d_logits = logits.slot()](const Tensor& d_loss) {
            kernels(d_loss.device())
                .softmax_cross_entropy_backward({.dtype = dtype,
                                                 .batch = batch,
                                                 .classes = classes,
                                                 .label_smoothing = label_smoothing,
                                                 .probabilities = probabilities.data(),
                                                 .labels = labels_of(labels),
                                                 .labels_b = labels_of(other.labels),
                                                 .lambda = other.lambda,
                                                 .d_loss = d_loss.data(),
                                                 .d_logits = receive(d_logits),
                                                 .class_weights = class_weights.data(),
                                                 .total_weight = total_weight.data()});
        },
        TracedLoss{label_smoothing, other.lambda});
    return loss;
}

}  // namespace vitrine::ops
