// Fields of a scheduler that another one, or the length of the phase, leaves without a meaning.
#pragma once

#include <string>
#include <vector>

#include "tools/recipe/schedule_plan.h"

namespace vitrine::tools {

/// A sentence for each of them: "base_momentum and max_momentum of cyclic are not used: cycle_momentum is
/// false".
std::vector<std::string> unused_fields(const PlannedPhase& phase);

}  // namespace vitrine::tools
