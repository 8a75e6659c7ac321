// The shards of a batch side by side, batch norm's statistics over all of them: what TrainingStep does with Lockstep.

#include <stdexcept>

#include "engine/error.h"
#include "engine/step/step.h"
#include "kernels/merge_moments.h"

namespace vitrine {
namespace {

static_assert(StepScalars::capacity < int64_t{1} << ShardFold<MomentsOfRows<double>>::levels,
              "a batch may have more shards than their moments can be put together of");

/// While it lives, the model's batch norms have their statistics over all shards.
class Meeting {
  public:
    Meeting(nn::Module& model, Lockstep& lockstep) : model_(model) { model_.set_meeting(&lockstep); }
    ~Meeting() { model_.set_meeting(nullptr); }
    Meeting(const Meeting&) = delete;
    Meeting& operator=(const Meeting&) = delete;

  private:
    nn::Module& model_;
};

}  // namespace

void TrainingStep::synchronise_batch_norm() {
    if (!tree_) throw std::logic_error("a batch in one piece has no statistics in common");
    if (!model_.fused()) throw Error("batch norm over all shards needs a fused model: choose --fusion on");
    lockstep_.emplace(shards(), tree_->processes());
    gradients_.clear();
    for (int64_t place = 0; place + 1 < shards_here(); ++place) gradients_.emplace_back(state_);
    ++revision_;
}

void TrainingStep::accumulate_together(std::span<const NetworkInput> inputs, uint64_t seed, uint32_t batch) {
    if (!lockstep_) throw std::logic_error("shards come together where they have their statistics in common");
    if (std::ssize(inputs) != shards_here()) throw std::logic_error("not all shards of this process");
    begin_batch();
    model_.set_training(true);
    model_.set_step(seed, batch);
    for (GradientSet& gradients : gradients_) gradients.clear();
    run_together(inputs);
    std::vector<Tensor> gradients;
    for (const GradientSet& each : gradients_) gradients.push_back(each.array());
    gradients.push_back(state_.gradients());
    tree_->end_together(gradients);
    keep_records();
    tree_->apply();
    in_batch_ = false;
}

/// Forward and backward. Each shard has its own tape, its own gradients and its own record.
void TrainingStep::run_together(std::span<const NetworkInput> inputs) {
    const Meeting meeting(model_, *lockstep_);
    std::vector<Tape> tapes(inputs.size());
    std::vector<Tensor> losses(inputs.size());
    lockstep_->run([&](int64_t place) {
        const auto shard = static_cast<size_t>(place);
        losses[shard] = forward_on(tapes[shard], inputs[shard]);
        scalars_.keep_batch();  // the first shard to end is the first one here
    });
    const auto exchange_gradients = [&](int64_t place) {
        if (place + 1 < shards_here()) gradients_[static_cast<size_t>(place)].exchange();
    };
    lockstep_->run(
        [&](int64_t place) {
            const auto shard = static_cast<size_t>(place);
            tapes[shard].backward(losses[shard], scalars_.loss_scale());
        },
        exchange_gradients);
}

}  // namespace vitrine
