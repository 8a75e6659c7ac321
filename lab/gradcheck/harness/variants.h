// The ways in which a pass of a problem is launched: placements, gradient modes, gradients left out, shared
// memory. Each says what must come out.
#pragma once

#include <string>
#include <vector>

#include "lab/gradcheck/harness/launch.h"
#include "lab/gradcheck/harness/problem.h"

namespace vitrine::gradcheck {

struct Variant {
    std::string label;  // empty for the plain one: everything wanted, written, aligned
    std::vector<Slot> slots;
    Placement placement = Placement::aligned;
    Values expected;  // of every slot that the kernel writes or updates
};

/// The type of a problem's tensor, and of its gradient, where `dtype` is the one under test.
DType type_of(const Problem& problem, const Tensor& tensor, DType dtype);
DType gradient_type(const Problem& problem, const Tensor& tensor, DType dtype);

/// The plain variant comes first. `inputs` are the problem's own, rounded to the type.
std::vector<Variant> forward_variants(const Problem& problem, DType dtype, const Values& inputs,
                                      const Values& expected);

/// `saved` holds inputs, outputs and upstream gradients, rounded to the type; `gradients` what must come out.
std::vector<Variant> backward_variants(const Problem& problem, DType dtype, const Values& saved,
                                       const Values& gradients);

}  // namespace vitrine::gradcheck
