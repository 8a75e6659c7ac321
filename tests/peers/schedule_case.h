// A scheduler in a TOML table, with what it begins with, and the sequence that it makes of it.
#pragma once

#include <string>
#include <vector>

#include "engine/optim/schedulers/phase_scheduler.h"
#include "tools/recipe/parse_scheduler.h"

namespace vitrine::tests {

/// The keys: learning_rate, momentum, steps, scheduler = {…}, warmup = {…} and hold = {…} (if any; they must count what the
/// scheduler counts) and metrics = […] (if needed: of each step). Returns the settings of so many steps.
inline std::vector<optim::Hyperparameters> settings_of_case(const toml::table& table,
                                                            const std::string& source) {
    optim::SchedulerSpec spec = tools::parse_scheduler(*table["scheduler"].as_table(), source);
    if (const toml::table* warmup = table["warmup"].as_table())
        spec.warmup = tools::parse_warmup(*warmup, source);
    if (const toml::table* hold = table["hold"].as_table()) spec.hold = tools::parse_hold(*hold, source);
    const optim::Hyperparameters initial{*table["learning_rate"].value<double>(),
                                         *table["momentum"].value<double>()};
    const auto steps = *table["steps"].value<int64_t>();
    const toml::array* metrics = table["metrics"].as_array();
    // With one batch an epoch, batches and epochs are the same.
    optim::PhaseScheduler scheduler(spec, initial, 1, steps);
    std::vector<optim::Hyperparameters> settings;
    for (int64_t step = 0; step < steps; ++step) {
        settings.push_back(scheduler.setting());
        scheduler.after_batch();
        std::optional<double> metric;
        if (metrics != nullptr) metric = (*metrics)[static_cast<size_t>(step)].value<double>();
        scheduler.after_epoch(metric);
    }
    return settings;
}

}  // namespace vitrine::tests
