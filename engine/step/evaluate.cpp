// A model's word on images: see evaluate.h.

#include "engine/step/evaluate.h"

#include "engine/ops/ops.h"

namespace vitrine {

Evaluation evaluate(nn::Module& model, const NetworkInput& input) {
    model.set_training(false);
    const Tensor logits = model(input.images);
    const Tensor loss = ops::softmax_cross_entropy(logits, input.labels, /*label_smoothing=*/0.0);
    return {loss.item(), logits.to_host<float>()};
}

std::vector<float> logits_of(nn::Module& model, const Tensor& images) {
    model.set_training(false);
    return model(images).to_host<float>();
}

}  // namespace vitrine
