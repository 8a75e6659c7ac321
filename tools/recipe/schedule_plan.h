// The learning rate and momentum of every update of a run, before it is run.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/optim/schedulers/phase_scheduler.h"

namespace vitrine::tools {

struct PlannedPhase {
    std::string name;
    optim::SchedulerSpec spec;
    optim::Setting initial;  // of the phase's optimiser
    int64_t batches_per_epoch;
    int64_t epochs;
    std::vector<optim::Setting> settings;  // of each update; of a plateau scheduler, as if it never reduced
};

/// Computes the settings.
PlannedPhase plan_phase(std::string name, const optim::SchedulerSpec& spec, optim::Setting initial,
                        int64_t batches_per_epoch, int64_t epochs);

/// {"phases": [{name, scheduler, first_epoch (from 1), epochs, batches_per_epoch, depends_on, points}]}.
/// `points` are [batch, learning_rate, momentum] where one of the two changes, batches from 0 within the
/// phase. `depends_on` is the metric of a plateau scheduler, else null.
nlohmann::json schedule_json(const std::vector<PlannedPhase>& phases);

/// What the plot shows, as sentences: schedules that do not do what was probably meant, such as one stepped
/// per batch that is over after a hundred of ten thousand. Each begins with the phase's name where there are
/// several.
std::vector<std::string> schedule_warnings(const std::vector<PlannedPhase>& phases);

}  // namespace vitrine::tools
