// Lesson 5: a recipe whose mistakes are to be mended.

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <variant>

#include "lab/inspect/lessons/lesson.h"
#include "tools/recipe/recipe.h"
#include "tools/recipe/recipe_file.h"
#include "tools/recipe/schedule_plan.h"

namespace vitrine::inspect {
namespace {

constexpr int64_t batches_per_epoch = 1500;  // of the study's data

/// What is wrong with a phase's cycles; "" if nothing is.
std::string wrong_with_cycles(const recipe::PhaseSettings& phase) {
    const auto* cycles = std::get_if<optim::CyclicSpec>(&phase.scheduler.kind);
    if (cycles == nullptr)
        return fmt::format("Phase '{}' has no cycles any more: they were to stay.", phase.name);
    const std::vector<tools::PlannedPhase> plan{tools::plan_phase(
        phase.name, phase.scheduler, {phase.learning_rate, phase.momentum}, batches_per_epoch, phase.epochs)};
    const auto& settings = plan.front().settings;
    const auto top = std::ranges::max_element(settings, {}, &optim::Hyperparameters::learning_rate);
    const auto batch = top - settings.begin();
    if (batch < batches_per_epoch)
        return fmt::format("With {} batches an epoch the cycle is at its top after {} batches.",
                           batches_per_epoch, batch);
    const std::vector<std::string> warnings = tools::schedule_warnings(plan);
    if (!warnings.empty()) return fmt::format("With {} batches an epoch: {}", batches_per_epoch, warnings[0]);
    const bool by_epoch = phase.scheduler.per == optim::Per::epoch;
    const int64_t cycle = cycles->step_size_up + cycles->step_size_down.value_or(cycles->step_size_up);
    const int64_t steps = by_epoch ? phase.epochs : phase.epochs * batches_per_epoch;
    if (cycle <= steps) return "";
    return fmt::format("Up and down again takes {} {}, and the phase has {}.", cycle,
                       by_epoch ? "epochs" : "batches", steps);
}

}  // namespace

Verdict check_mistakes(const std::string& answer) {
    const recipe::Recipe given = recipe::parse_recipe(recipe::read_toml(answer), answer);
    if (!given.transforms.train.noise) return {false, "The noise is gone: it was to stay, in another place."};
    if (given.transforms.train.noise->after_normalize)
        return {false, "The noise still comes after normalising, where half of all values are below 0."};
    for (const recipe::PhaseSettings& phase : given.phases) {
        const std::string wrong = wrong_with_cycles(phase);
        if (!wrong.empty()) return {false, wrong};
    }
    return {true, "Right: noise on pixels, and cycles that fit into their phase."};
}

}  // namespace vitrine::inspect
