// The problems of a kernel that leaves sums for a batch norm, once more with the norm behind it (kernels/norms_behind.h).
#pragma once

#include <vector>

#include "lab/gradcheck/harness/problem.h"

namespace vitrine::gradcheck {

/// `problems`, and behind them the small ones that a norm can follow, forward, backward or both.
std::vector<Problem> with_norms_behind(const std::vector<Problem>& problems);

}  // namespace vitrine::gradcheck
