// A run that begins with weights from a file: --init, and its optimiser with --init-optimizer.
#pragma once

#include <optional>
#include <string>

#include "engine/nn/module.h"
#include "engine/safetensors.h"
#include "tools/common/model_file.h"
#include "tools/recipe/recipe.h"
#include "tools/train/initial_optimizer.h"
#include "tools/train/reporter.h"

namespace vitrine::train {

struct InitialState {
    std::string source;  // the file
    SafeTensors weights;
    std::optional<InitialOptimizer> optimizer;  // where the recipe asks for it
};

/// What the recipe's init begins with, as far as it can be known without the data whether it fits: `outline` is the recipe's model
/// for any number of classes. A batch norm's counter that is not there is 0. Throws Error where the file is damaged or of another
/// model, where a tensor that is not of the head is missing, left over or of another shape, after a notice for each, where a
/// value is none that its parameter can have, and where the optimiser is missing or none of ours.
InitialState read_initial_state(const recipe::Recipe& recipe, nn::Module& outline, Reporter& reporter);

/// Puts the weights into the model, but for a head that the file has in another size, for other classes or not at all, which
/// keeps its first values; says so. Returns whether it does. Throws Error as the function above; the model is then
/// unchanged.
bool load_initial_weights(const InitialState& state, nn::Module& model,
                          const tools::ModelDescription& description, Reporter& reporter);

}  // namespace vitrine::train
