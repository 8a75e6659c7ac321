// The terms of a parameter's update: the formula of SgdUpdate in kernels/optim.h.
#pragma once

#include "lab/inspect/capture/captured_step.h"
#include "lab/inspect/terms/term_writer.h"

namespace vitrine::inspect {

/// Of a trained parameter with a gradient.
void write_update(const CapturedStep& step, const CapturedParameter& parameter, int64_t element,
                  TermWriter& writer);

}  // namespace vitrine::inspect
