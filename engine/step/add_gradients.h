// Sums of arrays that are laid out as a state's gradients.
#pragma once

#include <functional>

#include "engine/step/state.h"

namespace vitrine {

struct SumOfGradients {
    Tensor a, b;  // [trained_count]
    Tensor sum;   // of them; may be one of them
};

/// By the device's kernels, over the parameters that have a gradient and for which `wanted(index)` holds: what lies where the others
/// would have theirs is nobody's.
void add_gradients(const FlatState& state, const SumOfGradients& arrays,
                   const std::function<bool(size_t index)>& wanted);

}  // namespace vitrine
