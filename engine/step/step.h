// One step of training, the only one there is: what train runs, bench times and the tests check.
//
//     accumulate   forward, loss, scores, backward: adds to the gradients     once or more
//     update       norm, decision, SGD, average                               then once
//     read         what all of that came to                                   whenever somebody wants to know
//
// Only read() waits for the device. Whether an update is made, and how far it goes, is decided there
// (DecideUpdate, kernels/optim.h): a loss that is not finite keeps its own update and all later ones from
// being made, so that the host may hear of it late.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/autograd.h"
#include "engine/nn/module.h"
#include "engine/optim/ema.h"
#include "engine/optim/sgd.h"
#include "engine/step/gradient_set.h"
#include "engine/step/input.h"
#include "engine/step/lockstep.h"
#include "engine/step/scalars.h"
#include "engine/step/shards.h"
#include "engine/step/state.h"

namespace vitrine {

/// What an update is made with.
struct UpdateOptions {
    double learning_rate = 0.0;
    std::optional<double> momentum{};  // where it is not the optimiser's own
    int64_t batches = 1;               // that were accumulated: the mean of their gradients is followed
    double clip_norm = 0.0;            // largest norm of all gradients together; 0: any
    /// An update whose norm is above so many times the usual one is left out; 0: none is. With this or
    /// clip_norm, so is one whose norm is not finite.
    double skip_outliers = 0.0;
    bool measure_norm = false;  // also where neither of them asks for it
};

class TrainingStep {
  public:
    /// The model must outlive the step; its parameters move into a FlatState. Throws Error for options that do
    /// not go together.
    TrainingStep(nn::Module& model, const optim::SgdOptions& options, double label_smoothing);

    /// From now on the loss of a batch is a mean in which each label counts as its class does here
    /// (kernels/loss.h).
    void weigh_classes(std::span<const double> weights);

    /// From now on updates move an average of the model, too (optim/ema.h).
    void keep_average(double decay);

    /// From now on a batch comes as so many shards (shards.h), at most StepScalars::capacity, of which each process has an equal
    /// part: each of this one's by accumulate() or the halves of it. Not within a step.
    void divide_batches(int64_t shards, DeviceCollective& processes = alone_on_device());
    /// From now on the shards of a batch have batch norm's statistics in common: those of the whole batch. They come by
    /// accumulate_together(), which has all of this process's side by side (lockstep.h), and all their activations in memory. Batches
    /// must be divided. Throws Error where the model is not fused.
    void synchronise_batch_norm();
    bool synchronises_batch_norm() const { return lockstep_.has_value(); }
    int64_t shards() const { return tree_ ? tree_->shards() : 1; }
    /// Those of this process: its first, and how many.
    int64_t first_shard() const { return tree_ ? tree_->first() : 0; }
    int64_t shards_here() const { return tree_ ? tree_->here() : 1; }

    /// `batch` counts from 0 over the whole run, or its shards do where batches have some, and decides dropout's masks with the
    /// seed. After an exception, such as a kernel's refusal, the next batch is the first one to be accumulated.
    void accumulate(const NetworkInput& input, uint64_t seed, uint32_t batch);
    /// The same of all shards of this process, in their order, which are counted from `batch` on.
    void accumulate_together(std::span<const NetworkInput> inputs, uint64_t seed, uint32_t batch);
    /// Where shards run side by side: the one that is running, counted over those of this process.
    int64_t running_place() const { return lockstep_ ? lockstep_->place() : 0; }
    /// The halves of accumulate(), for who looks at one of them.
    void forward(const NetworkInput& input, uint64_t seed, uint32_t batch);
    void backward();
    void update(const UpdateOptions& options);
    /// The batch that an exception has ended is none; so are those before it in the step.
    void abandon_batch();

    /// read() must come before the next batch, and only after whole ones.
    bool must_read() const { return !scalars_.has_room(shards()); }
    StepScalars::Reading read();

    // For steps that run as graphs (step_graph.h).

    /// What the host knows of the steps so far, beside the device.
    struct HostState {
        StepScalars::Used records;
        bool accumulating = false;
        std::vector<double> counters{};  // of all parameters that are counters
    };
    HostState host_state() const;
    /// As if what ran since had not. A batch that was begun is forgotten.
    void restore(const HostState& state);
    /// The host's part of a batch that the device has run without it, whose counters went up by so much.
    void follow_batch(const std::vector<double>& counted, bool updated);
    /// What an update would have to send to the device first.
    void prepare_update();
    /// Grows with everything but options, parameters and modules that changes the steps to come.
    int64_t revision() const { return revision_; }
    nn::Module& model() { return model_; }

    /// The forward pass of a batch once more, for a Trace to look on: no gradients. Batch norm's running
    /// statistics move again.
    void repeat_forward(const NetworkInput& input, uint64_t seed, uint32_t batch);

    FlatState& state() { return state_; }
    optim::Sgd& optimiser() { return optimiser_; }
    std::optional<optim::Ema>& average() { return average_; }
    void set_gradient_norm_ema(double norm) { scalars_.set_gradient_norm_ema(norm); }

    /// The loss counts for this much, and for less or more as its gradients overflow or do not. Gradients in f16 need that,
    /// and of a model in f16 the step begins with LossScale::first.
    void scale_loss(LossScaleState scale);

  private:
    void begin_batch();
    void begin_shard();
    void end_shard();
    void keep_records();
    void forget_batch();
    Tensor loss_of(const Tensor& logits, const NetworkInput& input) const;
    /// The forward pass onto a tape: the loss, which goes into the next record with the scores.
    Tensor forward_on(Tape& tape, const NetworkInput& input);
    void run_together(std::span<const NetworkInput> inputs);
    void decide(const UpdateOptions& options);

    nn::Module& model_;
    FlatState state_;
    optim::Sgd optimiser_;
    StepScalars scalars_;
    bool scales_loss_ = false;
    std::optional<ShardTree> tree_;       // where batches have several shards
    std::optional<Lockstep> lockstep_;    // where these have their statistics in common
    std::vector<GradientSet> gradients_;  // of those here but the last one, which has the state's
    int64_t first_record_ = 0;            // of the batch whose shards are running
    std::optional<optim::Ema> average_;
    double average_decay_ = 0.0;
    int64_t average_updates_ = 0;  // that the device knows of
    double label_smoothing_;
    Tensor class_weights_;       // [classes]; undefined: all count alike
    bool accumulating_ = false;  // since the last update
    bool in_batch_ = false;      // its backward pass has not ended
    Tape tape_;
    Tensor loss_;
    int64_t revision_ = 0;
};

}  // namespace vitrine
