// One cycle: up, and down to almost nothing (OneCycleLR).

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/optim/schedulers/kinds.h"

namespace vitrine::optim {
namespace {

class OneCycle final : public Scheduler {
  public:
    OneCycle(const OneCycleSpec& spec, Hyperparameters initial, int64_t length)
        : Scheduler(initial, spec.max_lr / spec.div_factor),
          spec_(spec),
          total_(static_cast<double>(spec.total_steps.value_or(length))) {
        lay_out_stretches();
        advance({});
    }

    Hyperparameters at(int64_t step) const override {
        const double now = std::min(static_cast<double>(step), total_ - 1.0);
        double begin = 0.0;
        size_t i = 0;
        for (; i + 1 < stretches_.size() && now > stretches_[i].last_step; ++i)
            begin = stretches_[i].last_step;
        const Stretch& stretch = stretches_[i];
        const double steps = stretch.last_step - begin;
        // A stretch of a single step is at its end. (PyTorch divides by zero there.)
        const double share = steps == 0.0 ? 1.0 : (now - begin) / steps;
        const double rate = between(stretch.from.learning_rate, stretch.to.learning_rate, share);
        if (!spec_.cycle_momentum) return {rate, setting_.momentum};
        return {rate, between(stretch.from.momentum, stretch.to.momentum, share)};
    }

  private:
    /// A part of the cycle on which both settings go one way. Steps need not be whole.
    struct Stretch {
        double last_step;
        Hyperparameters from, to;
    };

    void lay_out_stretches() {
        const double lowest = initial_rate() / spec_.final_div_factor;
        const Hyperparameters first{initial_rate(), spec_.max_momentum};
        const Hyperparameters top{spec_.max_lr, spec_.base_momentum};
        const Hyperparameters last{lowest, spec_.max_momentum};
        const double rise = spec_.pct_start * total_;
        stretches_.push_back({rise - 1.0, first, top});
        if (spec_.three_phase) {
            stretches_.push_back({2.0 * spec_.pct_start * total_ - 2.0, top, first});
            stretches_.push_back({total_ - 1.0, first, last});
        } else {
            stretches_.push_back({total_ - 1.0, top, last});
        }
    }

    void advance(std::optional<double>) override { setting_ = at(steps_); }

    double between(double from, double to, double share) const {
        if (spec_.anneal == Anneal::linear) return (to - from) * share + from;
        return to + (from - to) / 2.0 * (std::cos(std::numbers::pi * share) + 1.0);
    }

    OneCycleSpec spec_;
    double total_;
    std::vector<Stretch> stretches_;
};

}  // namespace

SchedulerPointer make_kind(const OneCycleSpec& spec, Hyperparameters initial, int64_t length) {
    return std::make_unique<OneCycle>(spec, initial, length);
}

}  // namespace vitrine::optim
