// The input of the next step, made by the device while it is at this one (kernels/input_lane.h).
#pragma once

#include <optional>

#include "engine/memory.h"
#include "kernels/input_lane.h"

namespace vitrine {

/// While it lives, what this thread asks the device for is done beside what the device is at, in memory that nothing else uses:
/// blocks that tensors give back go to the next one of these. Where a device does one thing at a time it changes nothing.
class AheadOfStep {
  public:
    explicit AheadOfStep(Device device);

  private:
    std::optional<InputLane> lane_;
    std::optional<PlannedMemory::Use> memory_;
};

/// The device does not begin what it is asked for from now on before all that was made ahead is there.
void wait_for_ahead(Device device);

}  // namespace vitrine
