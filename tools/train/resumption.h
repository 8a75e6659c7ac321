// Where a run goes on, and whether it may: its newest checkpoint, checked against the recipe and the logs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/safetensors.h"
#include "tools/recipe/recipe.h"
#include "tools/train/phase_plan.h"
#include "tools/train/progress.h"
#include "tools/train/reporter.h"
#include "tools/train/run_folder.h"

namespace vitrine::train {

struct Resumption {
    std::string source;  // the checkpoint's file
    SafeTensors checkpoint;
    Progress progress;                 // of a run that has had the present recipe from its beginning
    std::vector<EpochMetrics> epochs;  // that are done
    std::vector<EpochTiming> timings;
    bool finished = false;
    bool changed = false;      // the recipe or the data, by --allow-changes
    bool new_batches = false;  // an epoch has others than the one in progress
};

/// Nothing where the folder holds no run yet. Throws Error where it holds one that cannot go on, or not with
/// this recipe: nothing has been changed then, but for damaged checkpoints, which get another name. What is
/// accepted by Existing::allow_changes is told.
std::optional<Resumption> find_resumption(const RunFolder& folder, const recipe::Recipe& recipe,
                                          Existing existing, Reporter& reporter);

/// Once the training images are counted. An epoch in progress begins again, which is told, where it would
/// have other batches. Throws Error where it has, and nothing was allowed to change.
void fit_to_plan(Resumption& resumption, const RunPlan& plan, Existing existing, Reporter& reporter);

}  // namespace vitrine::train
