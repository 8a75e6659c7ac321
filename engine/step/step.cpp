// One step of training: see step.h.

#include "engine/step/step.h"

#include <algorithm>
#include <span>
#include <stdexcept>

#include "engine/ops/ops.h"
#include "engine/trace.h"
#include "kernels/kernels.h"

namespace vitrine {
namespace {

/// Each batch's loss is the mean of its shards'.
std::vector<BatchResult> batches_of_shards(const std::vector<BatchResult>& results, int64_t shards) {
    std::vector<BatchResult> batches;
    for (size_t i = 0; i < results.size(); ++i) {
        if (i % static_cast<size_t>(shards) == 0) batches.emplace_back();
        BatchResult& batch = batches.back();
        batch.loss += results[i].loss / static_cast<double>(shards);
        batch.top1 += results[i].top1;
        batch.top5 += results[i].top5;
    }
    return batches;
}

}  // namespace

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

void TrainingStep::divide_batches(int64_t shards, DeviceCollective& processes) {
    if (accumulating_ || scalars_.used().batches > 0) throw std::logic_error("a step has begun");
    if (shards > StepScalars::capacity) throw std::logic_error("more shards than a reading can hold");
    tree_.reset();
    lockstep_.reset();
    if (shards > 1) tree_.emplace(state_, shards, processes);
    ++revision_;
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
    if (lockstep_) throw std::logic_error("shards that have their statistics in common come together");
    begin_batch();
    model_.set_training(true);
    model_.set_step(seed, batch);
    loss_ = forward_on(tape_, input);
}

Tensor TrainingStep::forward_on(Tape& tape, const NetworkInput& input) {
    const Recording recording(tape);
    const Tensor logits = model_(input.images);
    Tensor loss = loss_of(logits, input);
    // A mixed image counts as the label that has more of it, its own at halves.
    const bool other_is_stronger = input.labels_b.defined() && input.lambda < 0.5;
    const Tensor& labels = other_is_stronger ? input.labels_b : input.labels;
    kernels(logits.device())
        .score_batch({.dtype = logits.dtype(),
                      .batch = logits.shape()[0],
                      .classes = logits.shape()[1],
                      .logits = logits.data(),
                      .labels = static_cast<const int32_t*>(labels.data()),
                      .loss = loss.data(),
                      .record = scalars_.next_batch(),
                      .state = scalars_.state()});
    observe_forward("score_batch", {logits}, loss);
    return loss;
}

void TrainingStep::backward() {
    SlotListener finished;
    if (GradientExchange* exchange = tree_ ? tree_->start_exchange() : nullptr)
        finished = [exchange](const GradientSlot* slot) { exchange->finished(slot); };
    tape_.backward(loss_, scalars_.loss_scale(),
                   finished);  // there already: backward need not wait for its way
    loss_ = {};
    scalars_.keep_batch();
    if (tree_) end_shard();
    in_batch_ = false;
}

void TrainingStep::abandon_batch() {
    forget_batch();
    accumulating_ = false;
    if (!tree_ || !tree_->begun()) return;
    scalars_.use({first_record_, scalars_.used().updates});
    tree_->forget();
}

void TrainingStep::begin_batch() {
    if (in_batch_) abandon_batch();  // by an exception
    in_batch_ = true;
    if (tree_) begin_shard();
    if (tree_ || !accumulating_) optimiser_.zero_gradients();
    accumulating_ = true;
}

/// A batch has a record for each of its shards, wherever they run.
void TrainingStep::begin_shard() {
    const StepScalars::Used used = scalars_.used();
    if (!tree_->begun()) {
        first_record_ = used.batches;
        scalars_.use({first_record_ + tree_->first(), used.updates});
    }
    tree_->begin(accumulating_);
}

void TrainingStep::end_shard() {
    if (!tree_->end()) return;
    keep_records();
    tree_->apply();
}

/// Those of all shards of the batch, which has ended.
void TrainingStep::keep_records() {
    scalars_.share(first_record_, shards(), tree_->processes());
    scalars_.use({first_record_ + shards(), scalars_.used().updates});
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
                        .gradient_scale = 1.0 / static_cast<double>(options.batches * shards()),
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
    if (tree_) reading.batches = batches_of_shards(reading.batches, shards());
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

TrainingStep::HostState TrainingStep::host_state() const {
    return {scalars_.used(), accumulating_ && !in_batch_, state_.counters()};
}

void TrainingStep::restore(const HostState& state) {
    scalars_.use(state.records);
    accumulating_ = state.accumulating;
    state_.set_counters(state.counters);
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
    std::vector<double> counters = state_.counters();
    for (size_t i = 0; i < counters.size(); ++i) counters[i] += counted[i];
    state_.set_counters(counters);
    accumulating_ = !updated;
    if (!updated) return;
    scalars_.next_update();
    if (average_) average_->copy_counters();
}

}  // namespace vitrine
