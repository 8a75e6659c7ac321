// Memory and a lane for what is made ahead: see ahead.h.

#include "engine/step/ahead.h"

#include <array>

namespace vitrine {
namespace {

/// To the end of the program, as the pools are: a run goes back and forth between training and validation, whose batches
/// share it.
const PlannedMemory& memory_ahead(Device device) {
    static std::array<PlannedMemory*, all_devices.size()> memories{};
    PlannedMemory*& memory = memories[static_cast<size_t>(device)];
    if (memory == nullptr) memory = new PlannedMemory(device);
    return *memory;
}

}  // namespace

AheadOfStep::AheadOfStep(Device device) {
    if (!has_input_lane(device)) return;
    lane_.emplace(device);
    memory_.emplace(memory_ahead(device));
}

void wait_for_ahead(Device device) {
    if (has_input_lane(device)) join_input_lane(device);
}

}  // namespace vitrine
