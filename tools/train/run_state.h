// The tensors of a checkpoint: everything of a run that is not a counter.
#pragma once

#include <string>

#include "engine/nn/module.h"
#include "engine/optim/ema.h"
#include "engine/optim/schedulers/phase_scheduler.h"
#include "engine/optim/sgd.h"
#include "engine/safetensors.h"
#include "tools/train/progress.h"

namespace vitrine::train {

/// What a checkpoint holds, as it lives.
struct LiveState {
    nn::Module& model;
    optim::Sgd& optimiser;
    optim::Ema* ema;                   // null: none
    optim::PhaseScheduler& scheduler;  // of the present phase
};

/// "model.NAME", "momentum.NAME", "ema.NAME" and "scheduler", to the bit.
SafeTensors state_of(const LiveState& live);
/// All but the scheduler. An average that the checkpoint does not have begins at its model. Throws Error
/// naming `source` where the file does not fit.
void restore(const SafeTensors& checkpoint, const LiveState& live, const std::string& source);
/// Goes on with the scheduler's state to the bit. Throws Error where that is not the one that
/// `live.scheduler` has come to by itself, but for rounding.
void restore_scheduler(const SafeTensors& checkpoint, const LiveState& live, const std::string& source);

/// The counters and the recipe that they belong to go into the metadata.
void put_progress(SafeTensors& checkpoint, const Progress& progress, const std::string& recipe);
/// These throw Error where the metadata do not have them, or not as they were put there.
Progress progress_in(const SafeTensors& checkpoint);
std::string recipe_in(const SafeTensors& checkpoint);

}  // namespace vitrine::train
