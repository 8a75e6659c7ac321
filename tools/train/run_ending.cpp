// How a run has ended: see run_ending.h.

#include "tools/train/run_ending.h"

#include <stdexcept>

namespace vitrine::train {

EndedBy end_of(const recipe::PhaseSettings& last_phase, const Progress& progress) {
    return progress.last_phase_epochs() < last_phase.epochs ? EndedBy::early_stopping : EndedBy::last_epoch;
}

std::string name_of(EndedBy ended) {
    switch (ended) {
        case EndedBy::last_epoch:
            return "finished";
        case EndedBy::early_stopping:
            return "early stopping";
        case EndedBy::max_steps:
            return "max-steps";
        case EndedBy::max_minutes:
            return "max-minutes";
        case EndedBy::signal:
            return "interrupted";
        case EndedBy::failure:
            return "failed";
    }
    throw std::logic_error("an ending without a name");
}

}  // namespace vitrine::train
