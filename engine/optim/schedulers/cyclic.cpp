// Triangles between two learning rates (CyclicLR).

#include <cmath>

#include "engine/optim/schedulers/kinds.h"

namespace vitrine::optim {
namespace {

class Cyclic final : public Scheduler {
  public:
    Cyclic(const CyclicSpec& spec, Hyperparameters initial)
        : Scheduler({spec.base_lr, spec.cycle_momentum ? spec.max_momentum : initial.momentum}, spec.base_lr),
          spec_(spec) {}

    Hyperparameters at(int64_t step) const override {
        const double up = static_cast<double>(spec_.step_size_up);
        const double down = static_cast<double>(spec_.step_size_down.value_or(spec_.step_size_up));
        const double length = up + down, ratio = up / length;
        const double now = static_cast<double>(step);
        const double cycle = std::floor(1.0 + now / length);  // the first is number 1
        const double place = 1.0 + now / length - cycle;      // 0 … 1 within the cycle
        const double share = place <= ratio ? place / ratio : (place - 1.0) / (ratio - 1.0);
        const double scale = height_scale(cycle, now);
        const double rate = spec_.base_lr + (spec_.max_lr - spec_.base_lr) * share * scale;
        if (!spec_.cycle_momentum) return {rate, setting_.momentum};
        const double swing = spec_.max_momentum - spec_.base_momentum;
        return {rate, spec_.max_momentum - swing * share * scale};
    }

  private:
    void advance(std::optional<double>) override { setting_ = at(steps_); }

    /// The height of a cycle in terms of the first one's.
    double height_scale(double cycle, double now) const {
        switch (spec_.mode) {
            case CyclicMode::triangular:
                return 1.0;
            case CyclicMode::triangular2:
                return std::exp2(1.0 - cycle);
            case CyclicMode::exp_range:
                return std::pow(spec_.gamma, now);
        }
        return 1.0;
    }

    CyclicSpec spec_;
};

}  // namespace

SchedulerPointer make_kind(const CyclicSpec& spec, Hyperparameters initial, int64_t) {
    return std::make_unique<Cyclic>(spec, initial);
}

}  // namespace vitrine::optim
