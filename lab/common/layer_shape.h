// A layer's shape in a line.
#pragma once

#include <string>
#include <string_view>

#include "engine/trace.h"

namespace vitrine::tools {

/// Of one sample of a forward event: "112x112x96 -> 56x56x96 k3 s2". The stride is told from the shapes. Ends
/// in "no d_x" where the input wants no gradient, which makes backward cheaper.
std::string layer_shape(const OpEvent& event);

/// Whether an op is one of the activations, whose ops have their names.
bool is_activation(std::string_view op);

}  // namespace vitrine::tools
