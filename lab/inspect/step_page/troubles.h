// What goes wrong in training, found where it happens: each with a sentence.
#pragma once

#include <string>
#include <vector>

#include "lab/inspect/capture/captured_step.h"

namespace vitrine::inspect {

struct Trouble {
    int op = none;
    std::string kind;      // "dead channels"
    std::string sentence;  // with its figures
};

/// Looks for values that are not finite, dead channels, gradients that vanish or explode on their way back, logits that are so
/// sure of themselves that nothing comes back from them, and batch norms of a tiny variance. In the order of the ops.
std::vector<Trouble> troubles_of(const CapturedStep& step);

}  // namespace vitrine::inspect
