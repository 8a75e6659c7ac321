// Sockets between the stand-in NCCL's processes: see nccl_links.h.

#include "tests/vendor/stand_in/nccl_links.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "tests/vendor/stand_in/calls.h"
#include "tests/vendor/stand_in/nccl.h"

namespace vitrine::stand_in {
namespace {

constexpr int milliseconds_to_come = 60'000;

[[noreturn]] void throw_absent() {
    throw Wrong{ncclSystemError, "another process has not come within a minute"};
}

int new_socket() {
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) throw Wrong{ncclSystemError, "no socket can be had"};
    return socket;
}

/// A name of the system's own, that needs no file.
sockaddr_un address_of(const std::string& name, int rank) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string text = name + "-" + std::to_string(rank);
    std::strncpy(address.sun_path + 1, text.c_str(), sizeof address.sun_path - 2);
    return address;
}

void never_wait(int socket) { ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK); }

long result(long bytes) {
    if (bytes > 0) return bytes;
    return bytes < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

}  // namespace

Links::Links(const std::string& name, int rank, int ranks)
    : rank_(rank), ranks_(ranks), sockets_(static_cast<size_t>(ranks), -1) {
    listen(name);
    for (int other = 0; other < rank; ++other) connect(name, other);
    for (int other = rank + 1; other < ranks; ++other) accept();
}

Links::~Links() {
    if (listener_ >= 0) ::close(listener_);
    for (const int socket : sockets_) {
        if (socket >= 0) ::close(socket);
    }
}

void Links::listen(const std::string& name) {
    listener_ = new_socket();
    const sockaddr_un address = address_of(name, rank_);
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, ranks_) != 0)
        throw Wrong{ncclInvalidUsage, "two processes have the same rank in one group"};
}

void Links::connect(const std::string& name, int other) {
    const sockaddr_un address = address_of(name, other);
    const int socket = new_socket();
    sockets_[static_cast<size_t>(other)] = socket;
    for (int waited = 0; ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0;
         waited += 5) {
        if (waited > milliseconds_to_come) throw_absent();
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    if (::send(socket, &rank_, sizeof rank_, MSG_NOSIGNAL) != sizeof rank_) throw_absent();
    never_wait(socket);
}

void Links::accept() {
    pollfd waiting{listener_, POLLIN, 0};
    if (::poll(&waiting, 1, milliseconds_to_come) != 1) throw_absent();
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    int other = -1;
    if (socket < 0 || ::recv(socket, &other, sizeof other, MSG_WAITALL) != sizeof other) throw_absent();
    sockets_[static_cast<size_t>(other)] = socket;
    never_wait(socket);
}

long Links::send(int to, const void* data, size_t bytes) const {
    return result(::send(sockets_[static_cast<size_t>(to)], data, bytes, MSG_NOSIGNAL));
}

long Links::receive(int from, void* data, size_t bytes) const {
    return result(::recv(sockets_[static_cast<size_t>(from)], data, bytes, 0));
}

}  // namespace vitrine::stand_in
