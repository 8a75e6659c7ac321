// A scheduler: the sequence of learning rates and momenta of an optimiser, in PyTorch's numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/optim/schedulers/spec.h"

namespace vitrine::optim {

struct Hyperparameters {
    double learning_rate;
    double momentum;
};

/// A counter of a saved state. Throws Error unless it is a whole number from 0 to `most`.
int64_t counter_in_state(double number, int64_t most = int64_t{1} << 53);

/// Like torch.optim.lr_scheduler's: construction gives the first setting, each step the next one. PyTorch
/// computes some rates from the one before, not from the step's number, and so do these: they agree with it
/// over thousands of steps, rounding included.
class Scheduler {
  public:
    virtual ~Scheduler() = default;
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    /// For the batch, or the epoch, that comes now.
    Hyperparameters setting() const { return setting_; }

    /// After a batch, or an epoch. Throws Error where a metric is needed and there is none; others ignore it.
    void step(std::optional<double> metric = {});

    virtual bool needs_metric() const { return false; }

    /// What setting() would be after so many steps from the first, computed at once, for plots of runs that
    /// nobody could step through. The two differ by rounding. A scheduler that watches a metric stays.
    virtual Hyperparameters at(int64_t step) const = 0;

    /// Where a warm-up hands over to it, before its first step.
    virtual void begin_after_warmup() {}

    /// What PyTorch calls initial_lr: where a warm-up leads to.
    double initial_rate() const { return initial_rate_; }

    /// All that changes from step to step: set_state() with it goes on with the same bits. The numbers are
    /// finite.
    std::vector<double> state() const;
    /// Throws Error if that is no state of a scheduler of this kind.
    void set_state(const std::vector<double>& state);

  protected:
    Scheduler(Hyperparameters first, double initial_rate) : setting_(first), initial_rate_(initial_rate) {}

    /// Makes setting_ that of step number steps_.
    virtual void advance(std::optional<double> metric) = 0;
    virtual std::vector<double> further_state() const { return {}; }
    virtual void set_further_state(const std::vector<double>&) {}

    Hyperparameters setting_;
    int64_t steps_ = 0;  // taken so far

  private:
    double initial_rate_;
};

/// `initial` is the optimiser's setting; `length` is in the scheduler's own steps, for kinds that leave
/// theirs open.
std::unique_ptr<Scheduler> make_scheduler(const KindSpec& kind, Hyperparameters initial, int64_t length);

/// LinearLR from warmup.start_factor · initial.learning_rate to the whole of it after warmup.length steps.
std::unique_ptr<Scheduler> make_warmup(const Warmup& warmup, Hyperparameters initial);

}  // namespace vitrine::optim
