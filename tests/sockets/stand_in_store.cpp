// A store as torchrun keeps it for its processes: see stand_in_store.h.

#include "tests/sockets/stand_in_store.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <span>
#include <stdexcept>
#include <utility>

namespace vitrine::tests {
namespace {

using sockets::Connection;

sockets::Deadline soon() { return sockets::Clock::now() + std::chrono::seconds(20); }

std::string text_of(const Connection& connection) {
    std::string text(sockets::read_one<uint64_t>(connection, soon()), '\0');
    connection.read(std::as_writable_bytes(std::span(text)), soon());
    return text;
}

void write_text(const Connection& connection, const std::string& text) {
    connection.write(sockets::bytes_of(uint64_t{text.size()}), soon());
    connection.write(std::as_bytes(std::span(text)), soon());
}

}  // namespace

StandInStore::StandInStore(std::map<std::string, std::string> values, Instead instead)
    : values_(std::move(values)),
      instead_(std::move(instead)),
      listening_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listening_, any, size) != 0 || ::listen(listening_, 64) != 0 ||
        ::getsockname(listening_, any, &size) != 0)
        throw std::runtime_error("no port for a store");
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] { run(); });
}

StandInStore::~StandInStore() {
    ::shutdown(listening_, SHUT_RDWR);
    thread_.join();
    ::close(listening_);
}

void StandInStore::run() {
    for (int number = 0;; ++number) {
        const Connection connection(::accept(listening_, nullptr, nullptr));
        if (!connection.is_there()) return;
        try {
            if (!instead_ || !instead_(number, connection)) serve(connection);
        } catch (const sockets::Unreachable&) {
            // The client has gone.
        }
    }
}

void StandInStore::serve(const Connection& connection) {
    for (;;) {
        switch (sockets::read_one<uint8_t>(connection, soon())) {
            case 0:
                if (sockets::read_one<uint32_t>(connection, soon()) != 0x3C85F7CE) return;
                break;
            case 1: {
                const std::string key = text_of(connection);
                values_[key] = text_of(connection);
                break;
            }
            case 3:
                write_text(connection, values_[text_of(connection)]);
                break;
            case 5: {
                if (sockets::read_one<uint64_t>(connection, soon()) != 1) return;
                const uint8_t not_ready = values_.contains(text_of(connection)) ? 0 : 1;
                connection.write(sockets::bytes_of(not_ready), soon());
                break;
            }
            default:
                return;  // as the store itself closes what it does not understand
        }
    }
}

}  // namespace vitrine::tests
