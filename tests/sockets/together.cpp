// Processes that meet by sockets, each of them a thread here: see together.h.

#include "tests/sockets/together.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <exception>
#include <list>
#include <memory>
#include <thread>

#include "kernels/sockets/join_sockets.h"

namespace vitrine::tests {

namespace asio = boost::asio;
using asio::ip::tcp;

uint16_t free_port() {
    // Bound, and not listened at: others may listen there who say so, but nobody is given it by chance.
    static asio::io_context context;
    static std::list<tcp::acceptor> reserved;
    tcp::acceptor& one = reserved.emplace_back(context, tcp::v4());
    one.set_option(tcp::acceptor::reuse_address(true));
    one.bind({asio::ip::address_v4::loopback(), 0});
    return one.local_endpoint().port();
}

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
