// A lower learning rate whenever a metric has stopped getting better (ReduceLROnPlateau).

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/optim/schedulers/kinds.h"

namespace vitrine::optim {
namespace {

class ReduceOnPlateau final : public Scheduler {
  public:
    ReduceOnPlateau(const ReduceOnPlateauSpec& spec, Hyperparameters initial)
        : Scheduler(initial, initial.learning_rate), spec_(spec), best_(worst()) {}

    bool needs_metric() const override { return true; }
    Hyperparameters at(int64_t) const override { return {initial_rate(), setting_.momentum}; }

  private:
    bool rises() const { return spec_.metric == Metric::val_accuracy; }
    double worst() const {
        const double infinity = std::numeric_limits<double>::infinity();
        return rises() ? -infinity : infinity;
    }

    /// Never true of a metric that is not a number.
    bool is_better(double metric) const {
        const double sign = rises() ? 1.0 : -1.0;
        const double bar = spec_.threshold_mode == ThresholdMode::relative
                               ? best_ * (1.0 + sign * spec_.threshold)
                               : best_ + sign * spec_.threshold;
        return rises() ? metric > bar : metric < bar;
    }

    void advance(std::optional<double> metric) override {
        if (is_better(*metric)) {
            best_ = *metric;
            bad_epochs_ = 0;
        } else {
            ++bad_epochs_;
        }
        if (cooldown_left_ > 0) {
            --cooldown_left_;
            bad_epochs_ = 0;
        }
        if (bad_epochs_ <= spec_.patience) return;
        reduce();
        cooldown_left_ = spec_.cooldown;
        bad_epochs_ = 0;
    }

    void reduce() {
        const double reduced = std::max(setting_.learning_rate * spec_.factor, spec_.min_lr);
        if (setting_.learning_rate - reduced > spec_.eps) setting_.learning_rate = reduced;
    }

    /// The best so far is infinite until there is one, which not every file format can hold: a flag says so
    /// instead.
    std::vector<double> further_state() const override {
        const bool any = std::isfinite(best_);
        return {any ? 1.0 : 0.0, any ? best_ : 0.0, static_cast<double>(bad_epochs_),
                static_cast<double>(cooldown_left_)};
    }
    void set_further_state(const std::vector<double>& state) override {
        best_ = state[0] != 0.0 ? state[1] : worst();
        bad_epochs_ = counter_in_state(state[2]);
        cooldown_left_ = counter_in_state(state[3]);
    }

    ReduceOnPlateauSpec spec_;
    double best_;
    int64_t bad_epochs_ = 0;
    int64_t cooldown_left_ = 0;
};

}  // namespace

SchedulerPointer make_kind(const ReduceOnPlateauSpec& spec, Hyperparameters initial, int64_t) {
    return std::make_unique<ReduceOnPlateau>(spec, initial);
}

}  // namespace vitrine::optim
