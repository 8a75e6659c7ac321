// Checks one implementation of one pass over all variants of a problem.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "lab/gradcheck/harness/device_checks.h"
#include "lab/gradcheck/harness/line.h"
#include "lab/gradcheck/harness/variants.h"

namespace vitrine::gradcheck {

struct PassResult {
    Line line;                  // status refused if no variant was accepted
    std::set<size_t> accepted;  // indices of variants
    Values plain;               // what the plain variant left, if it was accepted
};

/// Throws LostDevice if the device fails meanwhile. With the line of such an end of an earlier process
/// nothing is run: the line is the result, beside what the implementation takes.
PassResult check_pass(const BoundPass& pass, const Callable& implementation, DType dtype,
                      const Problem& problem, const std::vector<Variant>& variants,
                      const DeviceChecks& checks, const Line* known_fault = nullptr);

}  // namespace vitrine::gradcheck
