// A constant share of the learning rate less at each step (ExponentialLR).

#include <cmath>

#include "engine/optim/schedulers/kinds.h"

namespace vitrine::optim {
namespace {

class Exponential final : public Scheduler {
  public:
    Exponential(const ExponentialSpec& spec, Hyperparameters initial)
        : Scheduler(initial, initial.learning_rate), gamma_(spec.gamma) {}

    Hyperparameters at(int64_t step) const override {
        return {initial_rate() * std::pow(gamma_, static_cast<double>(step)), setting_.momentum};
    }

  private:
    void advance(std::optional<double>) override { setting_.learning_rate *= gamma_; }

    double gamma_;
};

}  // namespace

SchedulerPointer make_kind(const ExponentialSpec& spec, Hyperparameters initial, int64_t) {
    return std::make_unique<Exponential>(spec, initial);
}

}  // namespace vitrine::optim
