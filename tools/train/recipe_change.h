// What another recipe means to a run that has come some way: the future can be changed, the past cannot.
#pragma once

#include <string>
#include <vector>

#include "tools/recipe/recipe.h"
#include "tools/recipe/recipe_file.h"
#include "tools/train/progress.h"

namespace vitrine::train {

/// In which two recipes differ. Data in the same folder are the same data, however its path is written.
std::vector<recipe::Difference> changes_of(const recipe::Recipe& before, const recipe::Recipe& now);

/// "a is 1 (there: 2), b is …": the first few.
std::string list_of(const std::vector<recipe::Difference>& changes);

/// Throws Error naming the first change of what is past:
/// - the seed, the model and its width;
/// - a phase that is over; of one that has begun its name and how it began (start_from, reset_momentum);
/// - fewer epochs of a phase than were begun.
/// Everything else holds from now on. A phase that is just over goes on where the recipe now gives it more
/// epochs, and one that has its epochs is over: `progress` becomes that of a run that has had this recipe
/// from its beginning.
void accept_changes(const std::vector<recipe::Difference>& changes, const recipe::Recipe& now,
                    Progress& progress);

/// Whether an epoch now has other batches, so that one in progress has to begin again.
bool change_batches(const std::vector<recipe::Difference>& changes);

}  // namespace vitrine::train
