// Which parameter of a model each of an optimiser's is: torch.optim numbers them group after group, and says no names.
#pragma once

#include <string>
#include <vector>

#include "engine/shape.h"
#include "engine/torch_optimizer.h"

namespace vitrine::train {

/// One of the model's, in the order of model.parameters().
struct OrderedParameter {
    std::string name;
    Shape shape;
    bool is_norm = false;
    bool is_head = false;
    bool is_trained = true;  // by the recipe
};

/// The names of the optimiser's parameters, group after group. Where the file says none: one group has them in the model's
/// order, and so may several; or the groups are those that people make, in any order: norms and biases apart, norms apart,
/// biases apart, the head apart. All parameters, or those that the recipe trains. The shapes of the momentum buffers must
/// be theirs. Throws Error, a sentence whose subject is the file, where that leaves none or more than one.
std::vector<std::string> names_in_order(const TorchOptimizer& optimizer,
                                        const std::vector<OrderedParameter>& of_model);

}  // namespace vitrine::train
