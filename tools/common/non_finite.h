// Finds where a number stopped being finite.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/nn/module.h"

namespace vitrine::tools {

/// True if every element is finite; integers always are.
bool all_finite(const Tensor& tensor);

/// The first with an element that is not finite, or null.
const nn::NamedParameter* first_non_finite(const std::vector<nn::NamedParameter>& parameters);

/// Runs `forward` and names the first op with an output that is not finite though all its inputs are: "op
/// batch_norm in module features.0.1, with an output of shape [128, 16, 16, 32]". Nothing if there is none.
std::optional<std::string> first_non_finite_op(const std::function<void()>& forward);

}  // namespace vitrine::tools
