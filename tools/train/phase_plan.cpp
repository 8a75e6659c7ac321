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
    if (const int64_t shards = recipe.training.shards; batch_size % shards != 0 || batch_size / shards < 2)
        throw Error(
            fmt::format("the data have {} training images, which make one batch, but no {} equal shards of 2 "
                        "images or more: choose a smaller training.batch_size or training.shards",
                        training_images, shards));
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
    // The same share for each phase; of short ones all updates are planned.
    const int64_t most = tools::most_planned / std::ssize(plan.phases);
    std::vector<tools::PlannedPhase> phases;
    for (const PhasePlan& phase : plan.phases) {
        const recipe::PhaseSettings& settings = phase.settings;
        phases.push_back(tools::plan_phase(settings.name, settings.scheduler,
                                           {settings.learning_rate, settings.momentum}, plan.steps_per_epoch,
                                           phase.epochs, most));
    }
    return phases;
}

optim::PhaseScheduler make_scheduler(const PhasePlan& phase, int64_t steps_per_epoch) {
    return {phase.settings.scheduler,
            {phase.settings.learning_rate, phase.settings.momentum},
            steps_per_epoch,
            phase.epochs};
}

optim::PhaseScheduler scheduler_after(const PhasePlan& phase, int64_t steps_per_epoch,
                                      std::span<const EpochMetrics> epochs, int64_t steps) {
    optim::PhaseScheduler scheduler = make_scheduler(phase, steps_per_epoch);
    const auto train = [&](int64_t count) {
        for (int64_t i = 0; i < count; ++i) scheduler.after_batch();
    };
    for (const EpochMetrics& epoch : epochs) {
        train(steps_per_epoch);
        scheduler.after_epoch(metric_for_scheduler(phase.settings, epoch));
    }
    train(steps);
    return scheduler;
}

std::optional<double> metric_for_scheduler(const recipe::PhaseSettings& phase, const EpochMetrics& metrics) {
    const auto* plateau = std::get_if<optim::ReduceOnPlateauSpec>(&phase.scheduler.kind);
    if (plateau == nullptr) return std::nullopt;
    switch (plateau->metric) {
        case optim::Metric::val_loss:
            return metrics.judged().loss;
        case optim::Metric::val_accuracy:
            return metrics.judged().accuracy;
        case optim::Metric::train_loss:
            return metrics.train_loss;
    }
    return std::nullopt;
}

}  // namespace vitrine::train
