// What a run's next update is made with: see update_settings.h.

#include "tools/train/update_settings.h"

#include <algorithm>

#include "engine/optim/schedulers/phase_scheduler.h"
#include "engine/parse_toml.h"
#include "models/models.h"
#include "tools/recipe/unused_settings.h"
#include "tools/train/run_state.h"

namespace vitrine::train {

bool NextUpdate::is_decayed(const nn::NamedParameter& parameter) const {
    return phase.decay_norms_and_biases || parameter.parameter->layout.shape.rank() > 1;
}

bool NextUpdate::is_head(const nn::NamedParameter& parameter) const {
    return phase.head_learning_rate && models::model_from_name(model).is_of_head(parameter.name);
}

UpdateSettings NextUpdate::of(const nn::NamedParameter& parameter) const {
    const double of_head =
        is_head(parameter) ? *phase.head_learning_rate / recipe::top_learning_rate(phase) : 1.0;
    return {.learning_rate = setting.learning_rate * of_head,
            .momentum = setting.momentum,
            .weight_decay = is_decayed(parameter) ? phase.weight_decay : 0.0,
            .nesterov = phase.nesterov};
}

NextUpdate first_update_of(const recipe::Recipe& recipe, int64_t steps_per_epoch) {
    const recipe::PhaseSettings& phase = recipe.phases.front();
    return {recipe.model.name, phase, make_scheduler({phase, 0, phase.epochs}, steps_per_epoch).setting()};
}

NextUpdate next_update_of(const SafeTensors& checkpoint) {
    const recipe::Recipe recipe =
        recipe::parse_recipe(parse_toml(recipe_in(checkpoint), "its recipe"), "its recipe");
    const Progress progress = progress_in(checkpoint);
    // Of a finished run the last phase's: the optimiser is as it was left.
    const auto number =
        static_cast<size_t>(std::clamp<int64_t>(progress.phase(), 0, std::ssize(recipe.phases) - 1));
    const recipe::PhaseSettings& phase = recipe.phases[number];
    const int64_t steps_per_epoch =
        std::max<int64_t>(progress.batches_per_epoch / recipe.training.accumulate, 1);
    optim::PhaseScheduler scheduler = make_scheduler({phase, 0, phase.epochs}, steps_per_epoch);
    scheduler.set_state(checkpoint.at("scheduler").values());
    return {recipe.model.name, phase, scheduler.setting()};
}

}  // namespace vitrine::train
