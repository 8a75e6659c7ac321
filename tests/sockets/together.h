// Processes that meet by sockets, each of them a thread here.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/collective.h"
#include "kernels/launch/meeting_place.h"

namespace vitrine::tests {

/// A port at which nobody listens now, and that nobody else is given while this process lives.
uint16_t free_port();

/// A meeting at 127.0.0.1. Where nothing else is said it is given up after 20 seconds.
MeetingPlace place_of(int rank, int ranks, uint16_t port);

/// Calls in so many threads at once, and returns what each has thrown, in words; "" where it has not.
std::vector<std::string> in_threads(int threads, const std::function<void(int)>& body);

/// Each joins, runs `body` and leaves as agreed. What each has thrown.
std::vector<std::string> together(int ranks, const std::function<void(Collective&)>& body);

}  // namespace vitrine::tests
