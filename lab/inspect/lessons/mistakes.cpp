// Lesson 5: a recipe whose mistakes are to be mended.

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "lab/inspect/lessons/lesson.h"
#include "tools/recipe/recipe.h"
#include "tools/recipe/recipe_file.h"
#include "tools/recipe/schedule_plan.h"

namespace vitrine::inspect {

Verdict check_mistakes(const std::string& answer) {
    const recipe::Recipe given = recipe::parse_recipe(recipe::read_toml(answer), answer);
    if (!given.transforms.train.noise) return {false, "The noise is gone: it was to stay, in another place."};
    if (given.transforms.train.noise->after_normalize)
        return {false, "The noise still comes after normalising, where half of all values are below 0."};
    constexpr int64_t batches_per_epoch = 1500;  // of the study's data
    std::vector<tools::PlannedPhase> plan;
    for (const recipe::PhaseSettings& phase : given.phases) {
        if (!std::holds_alternative<optim::CyclicSpec>(phase.scheduler.kind))
            return {false, fmt::format("Phase '{}' has no cycles any more: they were to stay.", phase.name)};
        plan.push_back(tools::plan_phase(phase.name, phase.scheduler, {phase.learning_rate, phase.momentum},
                                         batches_per_epoch, phase.epochs));
    }
    for (const tools::PlannedPhase& phase : plan) {
        const auto top = std::ranges::max_element(phase.settings, {}, &optim::Hyperparameters::learning_rate);
        const auto batch = top - phase.settings.begin();
        if (batch < batches_per_epoch)
            return {false, fmt::format("With {} batches an epoch the cycle is at its top after {} of them.",
                                       batches_per_epoch, batch)};
    }
    const std::vector<std::string> warnings = tools::schedule_warnings(plan);
    if (!warnings.empty())
        return {false, fmt::format("With {} batches an epoch: {}", batches_per_epoch, warnings[0])};
    return {true, "Right: noise on pixels, and cycles that last as long as the phase."};
}

}  // namespace vitrine::inspect
