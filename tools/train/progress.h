// Where a run is: the counters that, with model, optimiser and scheduler, are all it takes to go on.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/optim/schedulers/scheduler.h"
#include "tools/common/scores.h"
#include "tools/train/metrics.h"

namespace vitrine::train {

/// A mean that is still being collected.
struct RunningMean {
    double sum = 0.0;
    int64_t count = 0;

    void add(double value) { sum += value, ++count; }
    double value() const { return count == 0 ? 0.0 : sum / static_cast<double>(count); }
};

struct Progress {
    int64_t phase = 0;        // the one to go on with, counted from 0; beyond the last: the run is finished
    int64_t epoch = 0;        // epochs done in the whole run
    int64_t phase_epoch = 0;  // and in this phase
    int64_t batch = 0;        // batches done in this epoch
    int64_t step = 0;         // updates done in the whole run
    int64_t skipped_steps = 0;
    optim::Setting last_setting{0.0, 0.0};  // of the last update
    tools::Scores scores;                   // of this epoch's training so far
    RunningMean logged_loss;                // since the last line of steps.jsonl
    double usual_norm = 0.0;                // of the gradients: a moving average, 0 before the first step
    Best best;                              // epoch so far
    int64_t epochs_without_better = 0;      // in this phase
    int64_t metrics_bytes = 0, steps_bytes = 0, timing_bytes = 0;  // lengths of the logs
    std::vector<int64_t> recent_bests;  // the best epoch of each checkpoint that is kept, 0: none
};

/// Exact: numbers keep every bit.
Json to_json(const Progress& progress);
/// Throws nlohmann's exceptions for what to_json did not write.
Progress progress_from_json(const Json& json);

}  // namespace vitrine::train
