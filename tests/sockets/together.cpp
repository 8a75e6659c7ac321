// Processes that meet by sockets, each of them a thread here: see together.h.

#include "tests/sockets/together.h"

#include <fmt/format.h>

#include <exception>
#include <memory>
#include <thread>

#include "kernels/sockets/door.h"
#include "kernels/sockets/join_sockets.h"

namespace vitrine::tests {

uint16_t free_port() { return sockets::Door(0).port(); }

MeetingPlace place_of(int rank, int ranks, uint16_t port) {
    return {.rank = rank, .ranks = ranks, .host = "127.0.0.1", .port = port, .seconds = 20.0};
}

std::vector<std::string> in_threads(int threads, const std::function<void(int)>& body) {
    std::vector<std::string> told(static_cast<size_t>(threads));
    std::vector<std::jthread> running;
    for (int thread = 0; thread < threads; ++thread) {
        running.emplace_back([thread, &body, &place = told[static_cast<size_t>(thread)]] {
            try {
                body(thread);
            } catch (const EndedElsewhere& ended) {
                place = fmt::format("ended with {}", ended.code);
            } catch (const std::exception& error) {
                place = error.what();
            }
        });
    }
    running.clear();
    return told;
}

std::vector<std::string> together(int ranks, const std::function<void(Collective&)>& body) {
    const uint16_t port = free_port();
    return in_threads(ranks, [&](int rank) {
        const std::unique_ptr<Collective> processes = join_sockets(place_of(rank, ranks, port));
        body(*processes);
        if (!processes->meet(20.0)) throw std::runtime_error("not all have met");
    });
}

}  // namespace vitrine::tests
