// Settings of a recipe that another one leaves without a meaning.
#pragma once

#include <string>
#include <vector>

#include "tools/recipe/recipe.h"

namespace vitrine::recipe {

/// Whether the phase's `lr` decides anything: cyclic and one_cycle have rates of their own. One that is among
/// them counts as used.
bool uses_learning_rate(const PhaseSettings& phase);
/// The same of `momentum`, which a scheduler with cycle_momentum moves between bounds of its own.
bool uses_momentum(const PhaseSettings& phase);
/// What the rates of a phase are measured by: `lr`, or the highest of a scheduler with rates of its own.
double top_learning_rate(const PhaseSettings& phase);

/// A sentence for each setting that does nothing. `table` is what the recipe was read from: a default that
/// nobody wrote is not told of. (Fields of schedulers: unused_fields.h.)
std::vector<std::string> unused_settings(const toml::table& table, const Recipe& recipe);

}  // namespace vitrine::recipe
