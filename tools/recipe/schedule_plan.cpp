// The settings of every update of a run: see schedule_plan.h.

#include "tools/recipe/schedule_plan.h"

#include <nlohmann/json.hpp>

#include "tools/recipe/describe_scheduler.h"

namespace vitrine::tools {
namespace {

nlohmann::json points_of(const std::vector<optim::Setting>& settings) {
    auto points = nlohmann::json::array();
    for (size_t i = 0; i < settings.size(); ++i) {
        const bool same = i > 0 && settings[i].learning_rate == settings[i - 1].learning_rate &&
                          settings[i].momentum == settings[i - 1].momentum;
        if (!same) points.push_back({i, settings[i].learning_rate, settings[i].momentum});
    }
    return points;
}

}  // namespace

PlannedPhase plan_phase(std::string name, const optim::SchedulerSpec& spec, optim::Setting initial,
                        int64_t batches_per_epoch, int64_t epochs) {
    return {std::move(name),   spec,   initial,
            batches_per_epoch, epochs, preview_settings(spec, initial, batches_per_epoch, epochs)};
}

nlohmann::json schedule_json(const std::vector<PlannedPhase>& phases) {
    auto list = nlohmann::json::array();
    int64_t first_epoch = 1;
    for (const PlannedPhase& phase : phases) {
        nlohmann::json depends_on;
        if (const auto* plateau = std::get_if<optim::ReduceOnPlateauSpec>(&phase.spec.kind))
            depends_on = name_of(plateau->metric);
        list.push_back({{"name", phase.name},
                        {"scheduler", describe(phase.spec)},
                        {"first_epoch", first_epoch},
                        {"epochs", phase.epochs},
                        {"batches_per_epoch", phase.batches_per_epoch},
                        {"depends_on", depends_on},
                        {"points", points_of(phase.settings)}});
        first_epoch += phase.epochs;
    }
    return {{"phases", list}};
}

}  // namespace vitrine::tools
