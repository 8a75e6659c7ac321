// A run that begins with the momentum of another, of PyTorch's or of a run here: --init-optimizer.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "engine/nn/module.h"
#include "engine/optim/sgd.h"
#include "engine/safetensors.h"
#include "tools/train/reporter.h"
#include "tools/train/update_settings.h"

namespace vitrine::train {

struct InitialOptimizer {
    struct Parameter {
        UpdateSettings settings;
        std::optional<SafeTensor> momentum;  // none before its first step
    };
    std::map<std::string, Parameter> parameters;  // by the model's names
};

/// Of a run's checkpoint.
InitialOptimizer optimizer_in(const SafeTensors& checkpoint, nn::Module& outline);

/// Of a file of torch.save, whose weights are `state`. Throws Error naming `source` and what is wrong.
InitialOptimizer optimizer_in_torch_file(const std::string& content, const SafeTensors& state,
                                         const recipe::Recipe& recipe, nn::Module& outline,
                                         const std::string& source);

/// Throws Error where a momentum buffer is not of its parameter's shape, after a notice for each, or has a value that it cannot
/// have. Those of the head are not looked at: it may be made anew.
void check_optimizer(const InitialOptimizer& optimizer, const std::string& model, nn::Module& outline,
                     const std::string& source, Reporter& reporter);

/// Gives the optimiser its momentum, but for a new head's; says so, and where the recipe's settings of the first step are others
/// than the file's.
void load_optimizer(const InitialOptimizer& optimizer, const NextUpdate& first, bool new_head,
                    nn::Module& model, optim::Sgd& sgd, const std::string& source, Reporter& reporter);

}  // namespace vitrine::train
