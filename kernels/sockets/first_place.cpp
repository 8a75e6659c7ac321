// Where process 0 listens: see first_place.h.

#include "kernels/sockets/first_place.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <sstream>

#include "kernels/sockets/store.h"

namespace vitrine::sockets {
namespace {

std::string key_of(const MeetingPlace& place) { return fmt::format("vitrine/{}/process_0", place.run); }

std::string text_of(const FirstPlace& first) {
    return fmt::format("{} {} {} {}", first.run[0], first.run[1], first.port, first.host);
}

std::optional<FirstPlace> from_text(const std::string& text) {
    std::istringstream parts(text);
    FirstPlace first;
    if (parts >> first.run[0] >> first.run[1] >> first.port >> first.host) return first;
    return std::nullopt;
}

}  // namespace

uint16_t port_of_first(const MeetingPlace& place) { return place.is_store ? uint16_t{0} : place.port; }

void publish(const MeetingPlace& place, uint16_t port, const Token& run, Deadline deadline) {
    if (!place.is_store) return;
    const Store store(place.host, place.port, deadline);
    const std::string told = text_of({store.connection().here(), port, run});
    store.set(key_of(place), told);
    if (store.get(key_of(place)) != told)
        throw Unreachable(
            fmt::format("torchrun's store at {}:{} forgets what it is told", place.host, place.port));
}

FirstPlace find_first(const MeetingPlace& place, Deadline deadline) {
    if (!place.is_store) return {place.host, place.port};
    const Store store(place.host, place.port, deadline);
    const std::optional<std::string> told = store.get(key_of(place));
    if (!told)
        throw Unreachable(
            fmt::format("torchrun's store at {}:{} has not heard of it", place.host, place.port));
    std::optional<FirstPlace> first = from_text(*told);
    if (!first)
        throw Unreachable(
            fmt::format("torchrun's store at {}:{} knows no address of it", place.host, place.port));
    // It has seen the store on its own machine, which others reach otherwise.
    if (is_loopback(first->host)) first->host = store.connection().there();
    return *first;
}

bool is_loopback(const std::string& host) {
    boost::system::error_code failure;
    const auto address = boost::asio::ip::make_address(host, failure);
    return !failure && address.is_loopback();
}

}  // namespace vitrine::sockets
