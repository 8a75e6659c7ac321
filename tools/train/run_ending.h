// How a run has ended, as run.json has it: a reader of the folder must not take it for one that goes on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tools/recipe/recipe.h"
#include "tools/train/progress.h"

namespace vitrine::train {

enum class EndedBy {
    last_epoch,      // "finished"
    early_stopping,  // "early stopping": of the last phase
    max_steps,       // "max-steps"
    max_minutes,     // "max-minutes"
    signal,          // "interrupted"
    failure,         // "failed"
};

/// How a run ended that is finished: with its last phase's last epoch, or before it.
EndedBy end_of(const recipe::PhaseSettings& last_phase, const Progress& progress);

/// What run.json says under "ended".
std::string name_of(EndedBy ended);

/// What ended a run that failed: run.json's "failure".
struct RunFailure {
    std::string sentence;  // as the user was told
    int64_t epoch = 0;     // in which it happened, counted from 1
    int64_t step = 0;      // of the whole run, counted from 1; 0 before the first
};

struct RunEnding {
    EndedBy by = EndedBy::last_epoch;
    std::optional<RunFailure> failure{};
};

}  // namespace vitrine::train
