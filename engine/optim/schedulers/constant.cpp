// The learning rate that stays.

#include "engine/optim/schedulers/kinds.h"

namespace vitrine::optim {
namespace {

class Constant final : public Scheduler {
  public:
    explicit Constant(Hyperparameters initial) : Scheduler(initial, initial.learning_rate) {}

    Hyperparameters at(int64_t) const override { return setting_; }

  private:
    void advance(std::optional<double>) override {}
};

}  // namespace

SchedulerPointer make_kind(const ConstantSpec&, Hyperparameters initial, int64_t) {
    return std::make_unique<Constant>(initial);
}

}  // namespace vitrine::optim
