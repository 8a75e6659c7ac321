// The simplest client of HTTP: see http_get.h.

#include "tests/inspect/http_get.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace vitrine::tests {

int port_in(const std::string& text) {
    const std::string before = "http://127.0.0.1:";
    return std::stoi(text.substr(text.find(before) + before.size()));
}

std::string http_get(int port, const std::string& path, const std::string& host) {
    const int connection = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw std::runtime_error("nobody listens there");
    const std::string request =
        fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", path, host);
    if (::write(connection, request.data(), request.size()) != std::ssize(request))
        throw std::runtime_error("the request was not taken");
    std::string answer;
    std::array<char, 65536> part{};
    for (ssize_t count = 0; (count = ::read(connection, part.data(), part.size())) > 0;)
        answer.append(part.data(), static_cast<size_t>(count));
    ::close(connection);
    return answer;
}

}  // namespace vitrine::tests
