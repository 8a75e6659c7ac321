// One step of training: see training_step.h.

#include "tools/common/training_step.h"

#include <cmath>

#include "engine/autograd.h"
#include "engine/ops/ops.h"

namespace vitrine::tools {

NetworkInput upload(const HostBatch& batch, const ChannelNormalization& normalization, Placement placement) {
    const auto count = static_cast<int64_t>(batch.labels.size());
    const Tensor pixels = Tensor::from_host(batch.images, {count, batch.image_size, batch.image_size, 3},
                                            {DType::u8, placement.device});
    NetworkInput input;
    input.images = ops::finish_images(
        pixels, {.mean = normalization.mean, .deviation = normalization.deviation}, placement.dtype);
    input.labels = Tensor::from_host(batch.labels, {count}, {DType::i32, placement.device});
    return input;
}

TrainingStep::TrainingStep(nn::Module& model, const optim::SgdOptions& options, double label_smoothing)
    : model_(model), optimiser_(model.trainable(), options), label_smoothing_(label_smoothing) {}

Tensor TrainingStep::loss_of(const Tensor& logits, const NetworkInput& input) const {
    return ops::softmax_cross_entropy(logits, input.labels, label_smoothing_,
                                      {input.other_labels, input.share});
}

StepOutput TrainingStep::backward(const NetworkInput& input, uint64_t seed, uint32_t batch) {
    model_.set_training(true);
    model_.set_step(seed, batch);
    Tape tape;
    const Recording recording(tape);
    const Tensor logits = model_(input.images);
    const Tensor loss = loss_of(logits, input);
    StepOutput output{loss.item(), logits.to_host<float>()};
    if (std::isfinite(output.loss)) tape.backward(loss);
    return output;
}

StepOutput TrainingStep::train(const NetworkInput& input, double learning_rate, uint64_t seed,
                               uint32_t batch) {
    optimiser_.zero_gradients();
    const StepOutput output = backward(input, seed, batch);
    if (std::isfinite(output.loss)) optimiser_.step(learning_rate);
    return output;
}

std::vector<float> TrainingStep::logits(const Tensor& images) {
    model_.set_training(false);
    return model_(images).to_host<float>();
}

void TrainingStep::repeat_forward(const NetworkInput& input, uint64_t seed, uint32_t batch) {
    model_.set_training(true);
    model_.set_step(seed, batch);
    loss_of(model_(input.images), input);
}

StepOutput TrainingStep::evaluate(const NetworkInput& input) {
    model_.set_training(false);
    const Tensor logits = model_(input.images);
    const Tensor loss = ops::softmax_cross_entropy(logits, input.labels, 0.0);
    return {loss.item(), logits.to_host<float>()};
}

}  // namespace vitrine::tools
