// Checks all implementations of an op's forward and backward on one problem, in the types that are given.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lab/gradcheck/harness/check.h"
#include "lab/gradcheck/harness/device_checks.h"
#include "lab/gradcheck/harness/lost_device.h"

namespace vitrine::gradcheck {

/// For each (kernel, implementation) that was tried, how many problems it took.
using Tally = std::map<std::pair<std::string, std::string>, int>;

/// Throws LostDevice if the device fails meanwhile. What has been told by then is told again by the next try,
/// which is to know of the fault.
void check_problem(const Problem& problem, std::span<const DType> types, const KernelTable& tested,
                   const KernelTable& oracle, const Selection& selection, const DeviceChecks& checks,
                   const KnownFaults& faults, Tally& tally, const Sink& sink);

}  // namespace vitrine::gradcheck
