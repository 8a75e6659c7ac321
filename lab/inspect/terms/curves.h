// Activations and their derivatives, in f64: from the formulas in kernels/activation.h, not from any kernel.
#pragma once

#include <string>

#include "kernels/activation.h"
#include "lab/inspect/terms/number.h"

namespace vitrine::inspect {

Number activated(Activation activation, const Number& u);
/// activation'(u); 0 at the kinks of relu and relu6.
Number slope(Activation activation, const Number& u);
/// "relu6(u)"; "u" of the identity.
std::string applied(Activation activation, const std::string& u);
/// "relu6'(u)"
std::string slope_name(Activation activation, const std::string& u);

}  // namespace vitrine::inspect
