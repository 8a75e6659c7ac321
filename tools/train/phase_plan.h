// What the phases of a recipe come to in steps.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/optim/schedulers/phase_scheduler.h"
#include "engine/optim/sgd.h"
#include "tools/recipe/recipe.h"
#include "tools/recipe/schedule_plan.h"
#include "tools/train/metrics.h"

namespace vitrine::train {

struct PhasePlan {
    recipe::PhaseSettings settings;
    int64_t first_epoch = 0;  // counted from 0 over the run
    int64_t epochs = 0;
};

struct RunPlan {
    int64_t batches_per_epoch = 0;
    int64_t steps_per_epoch =
        0;  // updates: batches / accumulate; batches that do not make up one are left out
    int64_t epochs = 0;
    std::vector<PhasePlan> phases;

    int64_t steps() const { return epochs * steps_per_epoch; }
};

/// Throws Error where the training set is too small for a step.
RunPlan plan_run(const recipe::Recipe& recipe, int64_t training_images);

optim::SgdOptions sgd_options(const recipe::PhaseSettings& settings);
/// The settings of the run (tools::most_planned says how many), as far as it does not depend on what the run
/// will measure: for plots and warnings.
std::vector<tools::PlannedPhase> planned_phases(const RunPlan& plan);

/// At its first setting.
optim::PhaseScheduler make_scheduler(const PhasePlan& phase, int64_t steps_per_epoch);

/// Where it is after these epochs of the phase, and so many steps of the next: the plan and what was measured
/// decide it, whatever the plan was while they were trained.
optim::PhaseScheduler scheduler_after(const PhasePlan& phase, int64_t steps_per_epoch,
                                      std::span<const EpochMetrics> epochs, int64_t steps);

/// What a phase's scheduler is told after an epoch: nothing where it does not ask for a metric.
std::optional<double> metric_for_scheduler(const recipe::PhaseSettings& phase, const EpochMetrics& metrics);

}  // namespace vitrine::train
