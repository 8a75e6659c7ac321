// A TCP connection, and what is asked of it while the processes come together: everything by a deadline.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace vitrine::sockets {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

/// What cannot be reached now, and may be later. A clause: "node1:29500: Connection refused".
struct Unreachable : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A connected socket, which is closed when it is destroyed.
class Connection {
  public:
    explicit Connection(int socket = -1) : socket_(socket) {}
    ~Connection();
    Connection(Connection&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
    Connection& operator=(Connection&& other) noexcept {
        std::swap(socket_, other.socket_);
        return *this;
    }

    bool is_there() const { return socket_ >= 0; }
    int socket() const { return socket_; }
    int release() { return std::exchange(socket_, -1); }

    /// Of bytes; throw Unreachable, a clause without the address.
    void write(std::span<const std::byte> data, Deadline deadline) const;
    void read(std::span<std::byte> data, Deadline deadline) const;
    /// The other side has closed it.
    bool is_closed() const;
    /// The addresses of this side and the other one, in figures.
    std::string here() const;
    std::string there() const;

  private:
    void wait_for(short event, Deadline deadline) const;

    int socket_;
};

/// By the first of the machine's addresses that answers. Throws Unreachable, and Error where there is no such machine.
Connection connect_to(const std::string& host, uint16_t port, Deadline deadline);

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
    static_assert(std::has_unique_object_representations_v<T>);
    return std::as_bytes(std::span(&value, 1));
}
template <class T>
T read_one(const Connection& connection, Deadline deadline) {
    static_assert(std::has_unique_object_representations_v<T>);
    T value{};
    connection.read(std::as_writable_bytes(std::span(&value, 1)), deadline);
    return value;
}

}  // namespace vitrine::sockets
