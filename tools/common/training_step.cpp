// One step of training: see training_step.h.

#include "tools/common/training_step.h"

#include <cmath>

#include "engine/autograd.h"
#include "engine/ops/ops.h"

namespace vitrine::tools {

TrainingStep::TrainingStep(nn::Module& model, Placement placement, const Normalization& normalization,
                           const optim::SgdOptions& options, double label_smoothing)
    : model_(model),
      placement_(placement),
      normalization_(normalization),
      optimiser_(model.trainable(), options),
      label_smoothing_(label_smoothing) {}

Tensor TrainingStep::upload(std::span<const uint8_t> images, int64_t count, int64_t image_size) const {
    const Tensor pixels =
        Tensor::from_host(images, {count, image_size, image_size, 3}, {DType::u8, placement_.device});
    return ops::finish_images(pixels, {.mean = normalization_.mean, .deviation = normalization_.deviation},
                              placement_.dtype);
}

TrainingStep::Inputs TrainingStep::upload(const HostBatch& batch) const {
    const auto count = static_cast<int64_t>(batch.labels.size());
    return {upload(batch.images, count, batch.image_size),
            Tensor::from_host(batch.labels, {count}, {DType::i32, placement_.device})};
}

StepOutput TrainingStep::train(const HostBatch& batch, double learning_rate, uint64_t seed, uint32_t step) {
    model_.set_training(true);
    model_.set_step(seed, step);
    optimiser_.zero_gradients();

    Tape tape;
    const Recording recording(tape);
    const Inputs inputs = upload(batch);
    const Tensor logits = model_(inputs.images);
    const Tensor loss = ops::softmax_cross_entropy(logits, inputs.labels, label_smoothing_);
    StepOutput output{loss.item(), logits.to_host<float>()};
    if (!std::isfinite(output.loss)) return output;
    tape.backward(loss);
    optimiser_.step(learning_rate);
    return output;
}

std::vector<float> TrainingStep::logits(std::span<const uint8_t> images, int64_t count, int64_t image_size) {
    model_.set_training(false);
    return model_(upload(images, count, image_size)).to_host<float>();
}

void TrainingStep::repeat_forward(const HostBatch& batch, uint64_t seed, uint32_t step) {
    model_.set_training(true);
    model_.set_step(seed, step);
    const Inputs inputs = upload(batch);
    ops::softmax_cross_entropy(model_(inputs.images), inputs.labels, label_smoothing_);
}

StepOutput TrainingStep::evaluate(const HostBatch& batch) {
    model_.set_training(false);
    const Inputs inputs = upload(batch);
    const Tensor logits = model_(inputs.images);
    const Tensor loss = ops::softmax_cross_entropy(logits, inputs.labels, 0.0);
    return {loss.item(), logits.to_host<float>()};
}

}  // namespace vitrine::tools
