// Cosine waves: down, and up again (CosineAnnealingLR), or down and back to the top
// (CosineAnnealingWarmRestarts).

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "engine/optim/schedulers/kinds.h"

namespace vitrine::optim {
namespace {

/// 1 + cos of a place on the wave, which is at its top at 0 and at its bottom at `period`.
double wave(int64_t place, int64_t period) {
    return 1.0 + std::cos(std::numbers::pi * static_cast<double>(place) / static_cast<double>(period));
}

class Cosine final : public Scheduler {
  public:
    Cosine(const CosineSpec& spec, Hyperparameters initial, int64_t length)
        : Scheduler(initial, initial.learning_rate),
          period_(spec.period.value_or(length)),
          min_lr_(spec.min_lr) {}

    Hyperparameters at(int64_t step) const override {
        const double rate = min_lr_ + (initial_rate() - min_lr_) * wave(step % (2 * period_), period_) / 2.0;
        return {rate, setting_.momentum};
    }

    /// SequentialLR enters a scheduler by its closed form, which here rounds otherwise than the initial rate.
    void begin_after_warmup() override {
        setting_.learning_rate = min_lr_ + (initial_rate() - min_lr_) * wave(0, period_) / 2.0;
    }

  private:
    /// Each rate from the one before, as PyTorch has it: a rate that something else has changed is followed.
    void advance(std::optional<double>) override {
        double& rate = setting_.learning_rate;
        if ((steps_ - 1 - period_) % (2 * period_) == 0) {  // leaving the bottom, where the quotient is 0 / 0
            rate += (initial_rate() - min_lr_) *
                    (1.0 - std::cos(std::numbers::pi / static_cast<double>(period_))) / 2.0;
        } else {
            rate = wave(steps_, period_) / wave(steps_ - 1, period_) * (rate - min_lr_) + min_lr_;
        }
    }

    int64_t period_;
    double min_lr_;
};

class CosineWarmRestarts final : public Scheduler {
  public:
    CosineWarmRestarts(const CosineWarmRestartsSpec& spec, Hyperparameters initial)
        : Scheduler(initial, initial.learning_rate), spec_(spec), period_(spec.first_period) {
        set_rate();
    }

    Hyperparameters at(int64_t step) const override {
        int64_t place = step, period = spec_.first_period;
        if (spec_.period_factor == 1) place %= period;
        while (place >= period) {
            place -= period;
            period = next_period(period);
        }
        return {rate_at(place, period), setting_.momentum};
    }

  private:
    void advance(std::optional<double>) override {
        if (++place_ >= period_) {
            place_ = 0;
            period_ = next_period(period_);
        }
        set_rate();
    }

    /// No run gets through a period that is longer than all numbers.
    int64_t next_period(int64_t period) const {
        int64_t next = 0;
        return __builtin_mul_overflow(period, spec_.period_factor, &next)
                   ? std::numeric_limits<int64_t>::max()
                   : next;
    }

    double rate_at(int64_t place, int64_t period) const {
        return spec_.min_lr + (initial_rate() - spec_.min_lr) * wave(place, period) / 2.0;
    }

    void set_rate() { setting_.learning_rate = rate_at(place_, period_); }

    std::vector<double> further_state() const override {
        return {static_cast<double>(place_), static_cast<double>(period_)};
    }
    void set_further_state(const std::vector<double>& state) override {
        period_ = std::max<int64_t>(counter_in_state(state[1]), 1);
        place_ = counter_in_state(state[0], period_ - 1);
    }

    CosineWarmRestartsSpec spec_;
    int64_t place_ = 0;  // in the current period
    int64_t period_;
};

}  // namespace

SchedulerPointer make_kind(const CosineSpec& spec, Hyperparameters initial, int64_t length) {
    return std::make_unique<Cosine>(spec, initial, length);
}

SchedulerPointer make_kind(const CosineWarmRestartsSpec& spec, Hyperparameters initial, int64_t) {
    return std::make_unique<CosineWarmRestarts>(spec, initial);
}

}  // namespace vitrine::optim
