// The processes meet at process 0, which tells all of them where each of them listens.
#pragma once

#include <vector>

#include "kernels/launch/meeting_place.h"
#include "kernels/sockets/door.h"
#include "kernels/sockets/hello.h"

namespace vitrine::sockets {

/// What all know after it.
struct Table {
    Token run{};
    std::vector<Place> places;  // of each process, as this one reaches it
};

/// `door` is where this process listens. Throws Error where they do not come together in time.
Table meet_all(const MeetingPlace& place, Door& door, Deadline deadline);

}  // namespace vitrine::sockets
