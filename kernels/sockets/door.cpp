// A port where other processes knock: see door.h.

#include "kernels/sockets/door.h"

#include <fmt/format.h>

#include <boost/asio.hpp>
#include <deque>
#include <utility>

#include "kernels/error.h"

namespace vitrine::sockets {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// At addresses of this version, and of the sixth at those of the fourth, too.
error_code try_to_listen(tcp::acceptor& acceptor, const tcp& version, uint16_t port) {
    error_code failure, ignored;
    acceptor.close(ignored);
    acceptor.open(version, failure);
    if (!failure && version == tcp::v6()) acceptor.set_option(asio::ip::v6_only(false), failure);
    if (!failure)
        acceptor.set_option(tcp::acceptor::reuse_address(true), failure);  // of a run that has just ended
    if (!failure) acceptor.bind({version, port}, failure);
    if (!failure) acceptor.listen(asio::socket_base::max_listen_connections, failure);
    return failure;
}

/// Some systems have no sixth version.
void listen(tcp::acceptor& acceptor, uint16_t port) {
    error_code failure = try_to_listen(acceptor, tcp::v6(), port);
    if (failure && failure != asio::error::address_in_use) failure = try_to_listen(acceptor, tcp::v4(), port);
    if (failure)
        throw Error(
            fmt::format("process 0 cannot listen at port {} (MASTER_PORT): {}", port, failure.message()));
}

struct Knocking {
    explicit Knocking(tcp::socket from) : socket(std::move(from)) {}

    tcp::socket socket;
    Hello hello;
};

}  // namespace

struct Door::Inside {
    explicit Inside(uint16_t port) {
        listen(acceptor, port);
        accept();
    }

    void accept() {
        acceptor.async_accept([this](const error_code& failure, tcp::socket socket) {
            if (failure == asio::error::operation_aborted) return;
            if (!failure)
                hear(std::make_shared<Knocking>(std::move(socket)));
            else if (failure != asio::error::connection_aborted)
                throw boost::system::system_error(failure);
            accept();
        });
    }

    void hear(const std::shared_ptr<Knocking>& guest) {
        asio::async_read(guest->socket, asio::buffer(&guest->hello, sizeof guest->hello),
                         [this, guest](const error_code& failure, size_t) {
                             if (failure || guest->hello.sender != ours) return;
                             guest->socket.set_option(tcp::no_delay(true));
                             heard.push_back({guest->hello, Connection(guest->socket.release())});
                         });
    }

    asio::io_context context;
    tcp::acceptor acceptor{context};
    std::deque<Guest> heard;
};

Door::Door(uint16_t port) : inside_(std::make_unique<Inside>(port)) {}
Door::~Door() = default;

uint16_t Door::port() const { return inside_->acceptor.local_endpoint().port(); }

std::optional<Guest> Door::next(Deadline deadline) {
    while (inside_->heard.empty()) {
        inside_->context.run_one_until(deadline);
        if (inside_->heard.empty() && Clock::now() >= deadline) return std::nullopt;
    }
    Guest guest = std::move(inside_->heard.front());
    inside_->heard.pop_front();
    return guest;
}

}  // namespace vitrine::sockets
