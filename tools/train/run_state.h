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
/// Throws Error naming `source` where the file does not fit.
void restore(const SafeTensors& checkpoint, const LiveState& live, const std::string& source);

/// The counters go into the metadata.
void put_progress(SafeTensors& checkpoint, const Progress& progress);
Progress progress_in(const SafeTensors& checkpoint);

}  // namespace vitrine::train
