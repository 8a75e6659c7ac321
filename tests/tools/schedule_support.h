// Schedulers and phases from a line of TOML.
#pragma once

#include <cstdint>
#include <string>

#include "tools/recipe/parse_scheduler.h"
#include "tools/recipe/schedule_plot.h"

namespace vitrine::tools {

inline optim::SchedulerSpec scheduler(const std::string& keys) {
    return parse_scheduler(*toml::parse("\nscheduler = { " + keys + " }")["scheduler"].as_table(), "my.toml");
}

inline optim::Warmup warmup(const std::string& keys) {
    return parse_warmup(*toml::parse("warmup = { " + keys + " }")["warmup"].as_table(), "my.toml");
}

/// Of the study that the recipes come from.
inline const std::string study =
    "kind = 'cyclic', base_lr = 0.01, max_lr = 0.1, step_size_up = 5, mode = 'triangular2', ";

inline optim::Hold hold(const std::string& keys) {
    return parse_hold(*toml::parse("hold = { " + keys + " }")["hold"].as_table(), "my.toml");
}

inline PlannedPhase planned(const std::string& keys, int64_t batches, int64_t epochs,
                            const std::string& warm = "", const std::string& held = "") {
    optim::SchedulerSpec spec = scheduler(keys);
    if (!warm.empty()) spec.warmup = warmup(warm);
    if (!held.empty()) spec.hold = hold(held);
    return plan_phase("main", spec, {0.1, 0.9}, batches, epochs);
}

}  // namespace vitrine::tools
