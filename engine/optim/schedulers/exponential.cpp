// A constant share of the learning rate less at each step (ExponentialLR).

#include "engine/optim/schedulers/kinds.h"

namespace vitrine::optim {
namespace {

class Exponential final : public Scheduler {
  public:
    Exponential(const ExponentialSpec& spec, Setting initial)
        : Scheduler(initial, initial.learning_rate), gamma_(spec.gamma) {}

  private:
    void advance(std::optional<double>) override { setting_.learning_rate *= gamma_; }

    double gamma_;
};

}  // namespace

SchedulerPointer make_kind(const ExponentialSpec& spec, Setting initial, int64_t) {
    return std::make_unique<Exponential>(spec, initial);
}

}  // namespace vitrine::optim
