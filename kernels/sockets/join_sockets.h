// Processes that find each other by an address, as a Collective (kernels/collective.h) over TCP.
#pragma once

#include <memory>

#include "kernels/collective.h"
#include "kernels/launch/meeting_place.h"

namespace vitrine {

/// Throws Error where they do not come together within place.seconds, and says why; AbsentProcess where one is gone since.
/// The processes part when it is destroyed.
std::unique_ptr<Collective> join_sockets(const MeetingPlace& place);

}  // namespace vitrine
