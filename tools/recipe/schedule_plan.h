// The learning rate and momentum of the updates of a run, before it is run.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/optim/schedulers/phase_scheduler.h"

namespace vitrine::tools {

struct PlannedPhase {
    std::string name;
    optim::SchedulerSpec spec;
    optim::Hyperparameters initial;  // of the phase's optimiser
    int64_t batches_per_epoch;
    int64_t epochs;
    std::vector<optim::Hyperparameters> settings;  // of a plateau scheduler, as if it never reduced
    std::vector<int64_t> sampled;                  // the updates they belong to; empty: all of them

    int64_t updates() const { return batches_per_epoch * epochs; }
    /// The number of the update, counted from 0, that settings[i] belongs to.
    int64_t update_of(size_t i) const { return sampled.empty() ? static_cast<int64_t>(i) : sampled[i]; }
    /// The first of `settings` that belongs to this update or a later one; their number if there is none.
    size_t first_from(int64_t update) const;
};

/// Settings that are computed for a whole run, at most about.
inline constexpr int64_t most_planned = 2'000'000;

/// Computes the settings: of all updates, or, where there are more than `most`, of so many that are spread
/// over the phase, its first and its last update among them.
PlannedPhase plan_phase(std::string name, const optim::SchedulerSpec& spec, optim::Hyperparameters initial,
                        int64_t batches_per_epoch, int64_t epochs, int64_t most = most_planned);

/// {"phases": [{name, scheduler, first_epoch (from 1), epochs, batches_per_epoch, depends_on, points}]}.
/// `points` are [batch, learning_rate, momentum] where one of the two changes, batches from 0 within the
/// phase. `depends_on` is the metric of a plateau scheduler, else null.
nlohmann::json schedule_json(const std::vector<PlannedPhase>& phases);

/// What the plot shows, as sentences: schedules that do not do what was probably meant, such as one stepped
/// per batch that is over after a hundred of ten thousand, and fields that do nothing. Each begins with the
/// phase's name where there are several.
std::vector<std::string> schedule_warnings(const std::vector<PlannedPhase>& phases);

}  // namespace vitrine::tools
