// Where processes meet that find each other by an address (kernels/sockets), as environment variables say it.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/launch/launched.h"

namespace vitrine {

struct MeetingPlace {
    int rank = 0, ranks = 1;
    std::string host;   // MASTER_ADDR
    uint16_t port = 0;  // MASTER_PORT
    /// torchrun listens there, and keeps what the processes tell each other; else process 0 does.
    bool is_store = false;
    std::string run{};       // of a store: what this start of this run is called
    double seconds = 120.0;  // that processes wait for each other to come
};

/// Throws Error, which names the variable that is missing or malformed.
MeetingPlace meeting_place(const Launched& launched);

}  // namespace vitrine
