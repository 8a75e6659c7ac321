// What the phases of a recipe come to in steps: see phase_plan.h.

#include "tools/train/phase_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/error.h"

namespace vitrine::train {

RunPlan plan_run(const recipe::Recipe& recipe, int64_t training_images) {
    const int64_t batch_size = std::min(recipe.training.batch_size, training_images);
    if (batch_size < 2)
        throw Error("the data have one training image, but batch norm needs at least 2 in a training batch");
    RunPlan plan;
    plan.batches_per_epoch = training_images / batch_size;
    plan.steps_per_epoch = plan.batches_per_epoch / recipe.training.accumulate;
    if (plan.steps_per_epoch == 0)
        throw Error(
            fmt::format("training.accumulate is {}, but an epoch has only {} batches: at most that many",
                        recipe.training.accumulate, plan.batches_per_epoch));
    for (const recipe::PhaseSettings& settings : recipe.phases) {
        plan.phases.push_back({settings, plan.epochs, settings.epochs});
        plan.epochs += settings.epochs;
    }
    return plan;
}

optim::SgdOptions sgd_options(const recipe::PhaseSettings& settings) {
    optim::SgdOptions options;
    options.momentum = settings.momentum;
    options.weight_decay = settings.weight_decay;
    options.nesterov = settings.nesterov;
    options.decay_norms_and_biases = settings.decay_norms_and_biases;
    return options;
}

std::vector<tools::PlannedPhase> planned_phases(const RunPlan& plan) {
    std::vector<tools::PlannedPhase> phases;
    for (const PhasePlan& phase : plan.phases) {
        const recipe::PhaseSettings& settings = phase.settings;
        phases.push_back(tools::plan_phase(settings.name, settings.scheduler,
                                           {settings.learning_rate, settings.momentum}, plan.steps_per_epoch,
                                           phase.epochs));
    }
    return phases;
}

optim::PhaseScheduler make_scheduler(const PhasePlan& phase, int64_t steps_per_epoch) {
    return {phase.settings.scheduler,
            {phase.settings.learning_rate, phase.settings.momentum},
            steps_per_epoch,
            phase.epochs};
}

}  // namespace vitrine::train
