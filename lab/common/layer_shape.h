// A layer's shape in a line.
#pragma once

#include <string>

#include "engine/trace.h"

namespace vitrine::tools {

/// Of one sample of a forward event: "112x112x96 -> 56x56x96 k3 s2". The stride is told from the shapes. A convolution or a
/// global average pool that normalises its input as it reads it has a "prologue", and a convolution "no d_x" where the input
/// wants no gradient, which makes backward cheaper. Of normalize it is the channels, and of resolve what is added up:
/// "14x14x96 whole + normalised".
std::string layer_shape(const OpEvent& event);

}  // namespace vitrine::tools
