// A TCP connection: see connection.h.

#include "kernels/sockets/connection.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio.hpp>
#include <cerrno>
#include <climits>
#include <system_error>

#include "kernels/error.h"

namespace vitrine::sockets {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

std::string words_of(int number) { return std::generic_category().message(number); }

/// An address of version 4 that a socket of version 6 has seen is written as what it is.
std::string in_figures(const asio::ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
    return address.to_string();
}

std::string end_of(int socket, decltype(&::getsockname) side) {
    tcp::endpoint end;
    auto size = static_cast<socklen_t>(end.capacity());
    if (side(socket, end.data(), &size) != 0) throw Unreachable(words_of(errno));
    end.resize(size);
    return in_figures(end.address());
}

/// Where nobody listens at a port of this machine, and the caller's own end is given just that port.
bool is_with_itself(const tcp::socket& socket) {
    error_code failure;
    return socket.local_endpoint(failure) == socket.remote_endpoint(failure);
}

bool is_unknown(const error_code& failure) {
    return failure == asio::error::host_not_found || failure == asio::error::no_data;
}

}  // namespace

Connection::~Connection() {
    if (is_there()) ::close(socket_);
}

void Connection::wait_for(short event, Deadline deadline) const {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd waiting{socket_, event, 0};
        const int ready = ::poll(&waiting, 1, static_cast<int>(std::clamp<int64_t>(left, 0, INT_MAX)));
        if (ready > 0) return;
        if (ready == 0) throw Unreachable("no answer");
        if (errno != EINTR) throw Unreachable(words_of(errno));
    }
}

void Connection::write(std::span<const std::byte> data, Deadline deadline) const {
    while (!data.empty()) {
        wait_for(POLLOUT, deadline);
        const ssize_t written = ::send(socket_, data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written < 0 && errno != EAGAIN && errno != EINTR) throw Unreachable(words_of(errno));
        if (written > 0) data = data.subspan(static_cast<size_t>(written));
    }
}

void Connection::read(std::span<std::byte> data, Deadline deadline) const {
    while (!data.empty()) {
        wait_for(POLLIN, deadline);
        const ssize_t read = ::recv(socket_, data.data(), data.size(), MSG_DONTWAIT);
        if (read == 0) throw Unreachable("the connection was closed");
        if (read < 0 && errno != EAGAIN && errno != EINTR) throw Unreachable(words_of(errno));
        if (read > 0) data = data.subspan(static_cast<size_t>(read));
    }
}

bool Connection::is_closed() const {
    std::byte next{};
    const ssize_t there = ::recv(socket_, &next, 1, MSG_PEEK | MSG_DONTWAIT);
    return there == 0 || (there < 0 && errno != EAGAIN && errno != EINTR);
}

std::string Connection::here() const { return end_of(socket_, ::getsockname); }
std::string Connection::there() const { return end_of(socket_, ::getpeername); }

Connection connect_to(const std::string& host, uint16_t port, Deadline deadline) {
    asio::io_context context;
    error_code failure;
    tcp::resolver resolver(context);
    const auto ends = resolver.resolve(host, std::to_string(port), tcp::resolver::numeric_service, failure);
    if (is_unknown(failure))
        throw Error(fmt::format("the machine \"{}\", where process 0 should be, cannot be found: {}", host,
                                failure.message()));
    const auto refuse = [&] { throw Unreachable(fmt::format("{}:{}: {}", host, port, failure.message())); };
    if (failure) refuse();
    tcp::socket socket(context);
    failure = asio::error::timed_out;  // unless it is called
    asio::async_connect(socket, ends, [&](const error_code& told, const tcp::endpoint&) { failure = told; });
    context.run_until(deadline);
    if (failure) refuse();
    if (is_with_itself(socket)) {
        socket.set_option(tcp::socket::linger(true, 0));  // who wants to listen there finds it free at once
        socket.close();                                   // the destructor would linger
        failure = asio::error::connection_refused;
        refuse();
    }
    socket.set_option(tcp::no_delay(true));
    return Connection(socket.release());
}

}  // namespace vitrine::sockets
