// What a phase trains of a model, and at which rates: freeze, freeze_norms and head_lr of a recipe.
#pragma once

#include <string>

#include "engine/nn/module.h"
#include "engine/step/step.h"
#include "tools/recipe/recipe.h"

namespace vitrine::train {

/// Throws Error for a pattern that no parameter matches, and where nothing is left to train.
void check_trained_parts(const recipe::PhaseSettings& phase, const std::string& model_name,
                         nn::Module& model);

/// Whether the phase leaves a parameter of that name as it is.
bool freezes(const recipe::PhaseSettings& phase, const std::string& name);

/// Sets the step to the phase's optimiser: frozen parameters get no gradient, their batch norms stay in evaluation mode where
/// the phase says so, and the head has the rate that it is given.
void set_trained_parts(const recipe::PhaseSettings& phase, const std::string& model_name, nn::Module& model,
                       TrainingStep& step);

/// "phase 1: 2,223,872 of 2,236,682 parameters are frozen, 12,810 are trained"
std::string describe_trained_parts(const recipe::PhaseSettings& phase, nn::Module& model);

}  // namespace vitrine::train
