// The way up to a scheduler's initial learning rate (LinearLR).

#include <algorithm>

#include "engine/optim/schedulers/scheduler.h"

namespace vitrine::optim {
namespace {

class LinearWarmup final : public Scheduler {
  public:
    LinearWarmup(const Warmup& warmup, Hyperparameters initial)
        : Scheduler({initial.learning_rate * warmup.start_factor, initial.momentum}, initial.learning_rate),
          warmup_(warmup) {}

    Hyperparameters at(int64_t step) const override {
        const double share = std::min(static_cast<double>(step) / static_cast<double>(warmup_.length), 1.0);
        const double start = warmup_.start_factor;
        return {initial_rate() * (start + (1.0 - start) * share), setting_.momentum};
    }

  private:
    void advance(std::optional<double>) override {
        if (steps_ > warmup_.length) return;
        const double length = static_cast<double>(warmup_.length), start = warmup_.start_factor;
        const double taken = static_cast<double>(steps_ - 1);
        setting_.learning_rate *= 1.0 + (1.0 - start) / (length * start + taken * (1.0 - start));
    }

    Warmup warmup_;
};

}  // namespace

std::unique_ptr<Scheduler> make_warmup(const Warmup& warmup, Hyperparameters initial) {
    return std::make_unique<LinearWarmup>(warmup, initial);
}

}  // namespace vitrine::optim
