// Whether counters can be true. A checksum finds damage, not lies: what a checkpoint claims is compared with
// its recipe and with the logs.
#pragma once

#include <span>

#include "tools/recipe/recipe.h"
#include "tools/train/progress.h"

namespace vitrine::train {

/// Throws Error saying which counter cannot be true: "batch is -1, but …". `epochs` are the lines of
/// metrics.jsonl for the epochs that are done; `progress.best` is theirs.
void check_progress(const Progress& progress, const recipe::Recipe& recipe,
                    std::span<const EpochMetrics> epochs);

}  // namespace vitrine::train
