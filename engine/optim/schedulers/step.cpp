// Steps down a staircase: every so many steps (StepLR), or at milestones (MultiStepLR).

#include <algorithm>
#include <cmath>

#include "engine/optim/schedulers/kinds.h"

namespace vitrine::optim {
namespace {

class Step final : public Scheduler {
  public:
    Step(const StepSpec& spec, Hyperparameters initial)
        : Scheduler(initial, initial.learning_rate), spec_(spec) {}

    Hyperparameters at(int64_t step) const override {
        const auto times = static_cast<double>(step / spec_.step_size);
        return {initial_rate() * std::pow(spec_.gamma, times), setting_.momentum};
    }

  private:
    void advance(std::optional<double>) override {
        if (steps_ % spec_.step_size == 0) setting_.learning_rate *= spec_.gamma;
    }

    StepSpec spec_;
};

class MultiStep final : public Scheduler {
  public:
    MultiStep(const MultiStepSpec& spec, Hyperparameters initial)
        : Scheduler(initial, initial.learning_rate), spec_(spec) {}

    Hyperparameters at(int64_t step) const override {
        const auto times = static_cast<double>(
            std::ranges::count_if(spec_.milestones, [&](int64_t milestone) { return milestone <= step; }));
        return {initial_rate() * std::pow(spec_.gamma, times), setting_.momentum};
    }

  private:
    void advance(std::optional<double>) override {
        const auto times = std::ranges::count(spec_.milestones, steps_);
        if (times > 0) setting_.learning_rate *= std::pow(spec_.gamma, static_cast<double>(times));
    }

    MultiStepSpec spec_;
};

}  // namespace

SchedulerPointer make_kind(const StepSpec& spec, Hyperparameters initial, int64_t) {
    return std::make_unique<Step>(spec, initial);
}

SchedulerPointer make_kind(const MultiStepSpec& spec, Hyperparameters initial, int64_t) {
    return std::make_unique<MultiStep>(spec, initial);
}

}  // namespace vitrine::optim
