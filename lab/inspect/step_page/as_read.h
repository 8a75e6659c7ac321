// What a convolution or a global average pool of a fused step really reads: [activation](scale · x + shift), a tensor that no
// memory ever held.
#pragma once

#include <string>

#include "lab/inspect/capture/captured_step.h"

namespace vitrine::inspect {

/// Whether the op's input is normalised or activated on its way in.
bool reads_pending(const CapturedOp& op);

/// What it makes of its input x, in x's type on the host. Of an op that reads_pending().
Tensor as_read(const CapturedStep& step, const CapturedOp& op);

/// Identity where it only normalises. Of an op that reads_pending().
Activation activation_of_reading(const CapturedOp& op);

/// "relu6(scale · x + shift)"
std::string formula_of_reading(const CapturedOp& op);

}  // namespace vitrine::inspect
