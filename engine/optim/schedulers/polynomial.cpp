// A power of the share of the steps that is left (PolynomialLR).

#include <algorithm>
#include <cmath>

#include "engine/optim/schedulers/kinds.h"

namespace vitrine::optim {
namespace {

class Polynomial final : public Scheduler {
  public:
    Polynomial(const PolynomialSpec& spec, Hyperparameters initial, int64_t length)
        : Scheduler(initial, initial.learning_rate),
          total_(static_cast<double>(spec.total_steps.value_or(length))),
          power_(spec.power) {}

    Hyperparameters at(int64_t step) const override {
        const double left = 1.0 - std::min(static_cast<double>(step) / total_, 1.0);
        return {initial_rate() * std::pow(left, power_), setting_.momentum};
    }

  private:
    void advance(std::optional<double>) override {
        const double now = static_cast<double>(steps_);
        if (now > total_) return;
        setting_.learning_rate *= std::pow((1.0 - now / total_) / (1.0 - (now - 1.0) / total_), power_);
    }

    double total_;
    double power_;
};

}  // namespace

SchedulerPointer make_kind(const PolynomialSpec& spec, Hyperparameters initial, int64_t length) {
    return std::make_unique<Polynomial>(spec, initial, length);
}

}  // namespace vitrine::optim
