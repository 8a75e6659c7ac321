// The scheduler of a phase of training: a warm-up, a hold, then the scheduler itself, each on its own clock of batches
// or epochs.
#pragma once

#include "engine/optim/schedulers/scheduler.h"

namespace vitrine::optim {

/// The trainer tells it of every update of the weights and of every epoch's end, and asks for the setting of
/// the next update. A "batch" is an update: with gradients of N batches accumulated, N batches count as one.
///
///     PhaseScheduler scheduler(spec, {0.1, 0.9}, batches_per_epoch, epochs);
///     for each epoch { for each batch { step with scheduler.setting(); scheduler.after_batch(); }
///                      scheduler.after_epoch(metric); }
///
/// The seam. The warm-up takes `length` steps, from start_factor times the scheduler's initial_rate() in
/// equal steps; the next setting is the scheduler's first, and only then does it begin to count. Momentum is
/// the scheduler's first throughout the warm-up. That is PyTorch's SequentialLR([LinearLR, scheduler],
/// milestones=[length]) with the scheduler constructed before the LinearLR, so that the warm-up leads to
/// where a cyclic scheduler begins. Where a warm-up per batch ends inside an epoch and the scheduler counts
/// epochs, that epoch is its first; an epoch whose last batch was still warm-up does not count.
/// reduce_on_plateau does not see the metrics of the warm-up (PyTorch refuses the two together).
///
/// A hold comes between the two by the same rules: so many steps of the scheduler's initial_rate() and first momentum, where the
/// warm-up has led, before the scheduler's first setting. It is a ConstantLR with a factor of 1 among SequentialLR's.
class PhaseScheduler {
  public:
    PhaseScheduler(const SchedulerSpec& spec, Hyperparameters initial, int64_t batches_per_epoch,
                   int64_t epochs);

    Hyperparameters setting() const;
    void after_batch();
    /// Throws Error where the metric is needed and missing.
    void after_epoch(std::optional<double> metric = {});
    bool needs_metric() const { return scheduler_->needs_metric(); }

    /// Of an update of the phase, counted from 0, as Scheduler::at() gives it.
    Hyperparameters at(int64_t update) const;

    /// To the bit, at any moment, between an epoch's last batch and its end too. The numbers are finite.
    std::vector<double> state() const;
    /// Throws Error if that is no state of a scheduler of this kind.
    void set_state(const std::vector<double>& state);

  private:
    /// The numbers are those of a saved state.
    enum class Part : uint8_t { warmup = 0, scheduler = 1, hold = 2 };

    /// Whose setting the next batch has.
    Part part() const;
    Per per_of(Part part) const;
    void step(Part part, std::optional<double> metric);

    Per per_, warmup_per_ = Per::batch, hold_per_ = Per::batch;
    int64_t batches_per_epoch_;
    int64_t warmup_batches_, batches_before_;      // of the warm-up; of warm-up and hold
    int64_t warmup_left_ = 0, warmup_length_ = 0;  // steps
    int64_t hold_left_ = 0, hold_length_ = 0;
    std::unique_ptr<Scheduler> scheduler_;
    std::unique_ptr<Scheduler> warmup_;  // none without one
    Part last_batch_ = Part::scheduler;  // whose it was
};

/// How many updates the warm-up takes; 0 without one.
int64_t batches_of_warmup(const SchedulerSpec& spec, int64_t batches_per_epoch, int64_t epochs);

/// The same of the warm-up and the hold together.
int64_t batches_before_scheduler(const SchedulerSpec& spec, int64_t batches_per_epoch, int64_t epochs);

/// How many settings the scheduler gives within the phase, after its warm-up and its hold: what an open length becomes.
/// At least 1.
int64_t steps_of_scheduler(const SchedulerSpec& spec, int64_t batches_per_epoch, int64_t epochs);

/// The setting of every update of a phase, known before it is run. What reduce_on_plateau will do is not: it
/// stays.
std::vector<Hyperparameters> preview_settings(SchedulerSpec spec, Hyperparameters initial,
                                              int64_t batches_per_epoch, int64_t epochs);

/// The same of these updates alone, counted from 0, each computed at once: it may differ by rounding.
std::vector<Hyperparameters> preview_settings_at(const std::vector<int64_t>& updates,
                                                 const SchedulerSpec& spec, Hyperparameters initial,
                                                 int64_t batches_per_epoch, int64_t epochs);

}  // namespace vitrine::optim
