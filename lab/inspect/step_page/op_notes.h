// What there is to know of each kind of op: its formula, what its backward pass reads of the forward pass, where its
// kernels are written. One table, in op_notes.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lab/inspect/capture/captured_step.h"

namespace vitrine::inspect {

/// What an op keeps for its backward pass.
struct Saved {
    std::string what;   // "x", "the mean of each channel"
    int tensor = none;  // among the step's tensors; `none`: the op's own, which nobody else sees
    double bytes = 0;
};

struct OpNote {
    std::string_view op;                 // "depthwise_conv"
    std::string_view forward, backward;  // formulas, a line each
    std::string_view fusion{};  // what is left out where the op is part of a fused model; empty: nothing
    std::vector<std::string_view> reference{}, cpu{}, cuda{};  // files; none: the op has no kernel
    std::vector<Saved> (*saved)(const CapturedStep&, const CapturedOp&);
};

/// Throws std::logic_error for an op that is not in the table.
const OpNote& note_of(std::string_view op);

const std::vector<OpNote>& all_op_notes();

}  // namespace vitrine::inspect
