// One step of training: see step.h.

#include "engine/step/step.h"

#include <algorithm>
#include <span>

#include "engine/ops/ops.h"
#include "engine/trace.h"
#include "kernels/kernels.h"

namespace vitrine {

TrainingStep::TrainingStep(nn::Module& model, const optim::SgdOptions& options, double label_smoothing)
    : model_(model),
      state_(model.state()),
      optimiser_(state_, options),
      scalars_(state_.placement()),
      label_smoothing_(label_smoothing) {
    if (state_.rounded().defined() && state_.rounded().dtype() == DType::f16)
        scale_loss({LossScale::first, 0});
}

void TrainingStep::weigh_classes(std::span<const double> weights) {
    class_weights_ = ops::class_weights(weights, state_.placement());
    ++revision_;
}

void TrainingStep::keep_average(double decay) {
    average_decay_ = decay;
    ++revision_;
    if (!average_) average_.emplace(state_);
}

void TrainingStep::scale_loss(LossScaleState scale) {
    scales_loss_ = true;
    ++revision_;
    scalars_.set_loss_scale(scale);
}

Tensor TrainingStep::loss_of(const Tensor& logits, const NetworkInput& input) const {
    return ops::softmax_cross_entropy(logits, input.labels, label_smoothing_, {input.labels_b, input.lambda},
                                      class_weights_);
}

void TrainingStep::accumulate(const NetworkInput& input, uint64_t seed, uint32_t batch) {
    forward(input, seed, batch);
    backward();
}

void TrainingStep::forward(const NetworkInput& input, uint64_t seed, uint32_t batch) {
    begin_batch();
    model_.set_training(true);
    model_.set_step(seed, batch);
    const Recording recording(tape_);
    const Tensor logits = model_(input.images);
    loss_ = loss_of(logits, input);
    // A mixed image counts as the label that has more of it, its own at halves.
    const bool other_is_stronger = input.labels_b.defined() && input.lambda < 0.5;
    const Tensor& labels = other_is_stronger ? input.labels_b : input.labels;
    kernels(logits.device())
        .score_batch({.dtype = logits.dtype(),
                      .batch = logits.shape()[0],
                      .classes = logits.shape()[1],
                      .logits = logits.data(),
                      .labels = static_cast<const int32_t*>(labels.data()),
                      .loss = loss_.data(),
                      .record = scalars_.next_batch(),
                      .state = scalars_.state()});
    observe_forward("score_batch", {logits}, loss_);
}

void TrainingStep::backward() {
    tape_.backward(loss_, scalars_.loss_scale());  // there already: backward need not wait for its way
    loss_ = {};
    scalars_.keep_batch();
    in_batch_ = false;
}

void TrainingStep::begin_batch() {
    if (in_batch_) {  // an exception ended the last one: its part of the gradients is none
        tape_ = {};
        accumulating_ = false;
    }
    in_batch_ = true;
    if (!accumulating_) optimiser_.zero_gradients();
    accumulating_ = true;
}

void TrainingStep::prepare_update() {
    if (!average_ || average_->updates() == average_updates_) return;
    average_updates_ = average_->updates();  // begun anew, or loaded
    scalars_.set_average_updates(average_updates_);
}

void TrainingStep::decide(const UpdateOptions& options) {
    prepare_update();
    const bool needs_norm =
        options.clip_norm > 0.0 || options.skip_outliers > 0.0 || options.measure_norm || scales_loss_;
    const Tensor norm = needs_norm ? optimiser_.gradient_norm() : Tensor();
    kernels(state_.placement().device)
        .decide_update({.dtype = state_.placement().dtype,
                        .norm = norm.data(),
                        .gradient_scale = 1.0 / static_cast<double>(options.batches),
                        .clip_norm = options.clip_norm,
                        .skip_outliers = options.skip_outliers,
                        .average_decay = average_decay_,
                        .scales_loss = scales_loss_,
                        .record = scalars_.next_update(),
                        .state = scalars_.state(),
                        .decision = scalars_.decision()});
}

void TrainingStep::update(const UpdateOptions& options) {
    decide(options);
    optimiser_.step({.learning_rate = options.learning_rate,
                     .momentum = options.momentum,
                     .decision = scalars_.decision()});
    if (average_) average_->update_as_decided(scalars_.decision());
    accumulating_ = false;
}

StepScalars::Reading TrainingStep::read() {
    StepScalars::Reading reading = scalars_.read();
    const int64_t made = std::ranges::count(reading.updates, true, &UpdateResult::followed);
    average_updates_ += made;
    if (average_) average_->count_updates(made);
    return reading;
}

void TrainingStep::repeat_forward(const NetworkInput& input, uint64_t seed, uint32_t batch) {
    model_.set_training(true);
    model_.set_step(seed, batch);
    loss_of(model_(input.images), input);
}

template <class Visit>
void TrainingStep::for_each_counter(Visit&& visit) const {
    for (size_t i = 0; i < state_.parameters().size(); ++i) {
        if (state_.is_counter(i)) visit(*static_cast<double*>(state_.parameter(i).value.data()));
    }
}

TrainingStep::HostState TrainingStep::host_state() const {
    HostState state{scalars_.used(), accumulating_ && !in_batch_};
    for_each_counter([&](double& counter) { state.counters.push_back(counter); });
    return state;
}

void TrainingStep::restore(const HostState& state) {
    scalars_.use(state.records);
    accumulating_ = state.accumulating;
    auto kept = state.counters.begin();
    for_each_counter([&](double& counter) { counter = *kept++; });
    forget_batch();
}

void TrainingStep::forget_batch() {
    in_batch_ = false;
    tape_ = {};
    loss_ = {};
}

void TrainingStep::follow_batch(const std::vector<double>& counted, bool updated) {
    forget_batch();
    scalars_.next_batch();
    scalars_.keep_batch();
    auto step = counted.begin();
    for_each_counter([&](double& counter) { counter += *step++; });
    accumulating_ = !updated;
    if (!updated) return;
    scalars_.next_update();
    if (average_) average_->copy_counters();
}

}  // namespace vitrine
