// A run's learning rate and momentum drawn for the terminal.
#pragma once

#include "tools/recipe/schedule_plan.h"

namespace vitrine::tools {

/// At most 80 columns of UTF-8: curves in Braille over the epochs, the phases, what each one's scheduler is,
/// and the warnings. Where a plateau scheduler decides, the rate is drawn as it begins, and the text says so.
std::string plot_schedule(const std::vector<PlannedPhase>& phases);

}  // namespace vitrine::tools
