// What a run's next update is made with, parameter by parameter: what torch.optim.SGD keeps in its groups.
#pragma once

#include <string>

#include "engine/nn/module.h"
#include "engine/optim/schedulers/scheduler.h"
#include "engine/safetensors.h"
#include "tools/recipe/recipe.h"
#include "tools/train/phase_plan.h"

namespace vitrine::train {

/// Of one parameter.
struct UpdateSettings {
    double learning_rate = 0.0;
    double momentum = 0.0;
    double weight_decay = 0.0;
    bool nesterov = false;

    bool operator==(const UpdateSettings&) const = default;
};

struct NextUpdate {
    std::string model;
    recipe::PhaseSettings phase;
    optim::Hyperparameters setting;

    bool is_decayed(const nn::NamedParameter& parameter) const;
    /// Whether it has the head's own learning rate.
    bool is_head(const nn::NamedParameter& parameter) const;
    UpdateSettings of(const nn::NamedParameter& parameter) const;
};

/// The first of a run.
NextUpdate first_update_of(const recipe::Recipe& recipe, int64_t steps_per_epoch);
/// The one after a run's checkpoint. Throws Error where that is none of ours.
NextUpdate next_update_of(const SafeTensors& checkpoint);

}  // namespace vitrine::train
