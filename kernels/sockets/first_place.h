// Where process 0 listens for the others: at the address that all are given, or where torchrun's store says.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/launch/meeting_place.h"
#include "kernels/sockets/connection.h"
#include "kernels/sockets/hello.h"

namespace vitrine::sockets {

struct FirstPlace {
    std::string host;
    uint16_t port = 0;
    Token run{};  // zeros where it is not known
};

/// The port at which process 0 is to listen: 0 is any.
uint16_t port_of_first(const MeetingPlace& place);

/// Process 0 tells the store, where there is one, that it listens at this port. Throws Unreachable.
void publish(const MeetingPlace& place, uint16_t port, const Token& run, Deadline deadline);

/// Throws Unreachable where it is not known yet. What the store says may be of processes that have ended since: torchrun starts them
/// anew where one has failed.
FirstPlace find_first(const MeetingPlace& place, Deadline deadline);

bool is_loopback(const std::string& host);

}  // namespace vitrine::sockets
