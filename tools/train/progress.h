// Where a run is: the counters that, with the recipe, the logs and the tensors, are all it takes to go on.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/optim/schedulers/scheduler.h"
#include "engine/step/scalars.h"
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
    int64_t epoch = 0;                // epochs done in the whole run
    std::vector<int64_t> phase_ends;  // `epoch` at the end of each phase that is over
    int64_t batch = 0;                // batches done in this epoch
    int64_t batches_per_epoch = 0;    // of the training images as they were
    int64_t step = 0;                 // updates done in the whole run
    int64_t skipped_steps = 0;
    optim::Hyperparameters last_setting{0.0, 0.0};  // of the last update
    tools::Scores scores;                           // of this epoch's training so far
    RunningMean logged_loss;                        // since the last line of steps.jsonl
    double gradient_norm_ema = 0.0;     // of the gradients: a moving average, 0 before the first step
    LossScaleState loss_scale;          // of a run in f16; else 1
    std::vector<int64_t> recent_bests;  // the best epoch of each checkpoint that is kept, 0: none
    Best best;                          // epoch so far: what the lines of metrics.jsonl say

    /// The phase to go on with, counted from 0; beyond the last: the run is finished.
    int64_t phase() const { return static_cast<int64_t>(phase_ends.size()); }
    /// Epochs of the run before it.
    int64_t first_epoch() const { return phase_ends.empty() ? 0 : phase_ends.back(); }
    /// Epochs done in it.
    int64_t phase_epoch() const { return epoch - first_epoch(); }
    /// Epochs of the phase that ended last.
    int64_t last_phase_epochs() const;
    /// Nothing of it is done.
    bool at_phase_start() const { return phase_epoch() == 0 && batch == 0; }
    /// In this phase.
    int64_t epochs_without_better() const;
};

/// Exact: numbers keep every bit. Without `best`.
Json to_json(const Progress& progress);
/// Throws Error "its counters cannot be read: …" for anything that to_json cannot have written. What the
/// counters claim is checked in resumption.cpp.
Progress progress_from_json(const Json& json);

}  // namespace vitrine::train
