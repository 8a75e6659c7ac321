// How each process comes to be connected with each other one: by process 0, whose address all know.
#pragma once

#include <vector>

#include "kernels/launch/meeting_place.h"
#include "kernels/sockets/connection.h"

namespace vitrine::sockets {

/// With another process. Two, for what is said to all must not wait behind numbers that nobody takes.
struct Link {
    Connection data, control;
};

/// An element for each process, without connections for this one. Throws Error where they do not come together.
std::vector<Link> connect_all(const MeetingPlace& place);

}  // namespace vitrine::sockets
