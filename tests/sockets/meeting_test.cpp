// How processes come together at an address, and what else may be found there.

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

#include "kernels/sockets/door.h"
#include "kernels/sockets/join_sockets.h"
#include "tests/error_of.h"
#include "tests/sockets/stand_in_store.h"
#include "tests/sockets/together.h"

using namespace vitrine;
using namespace vitrine::tests;
using sockets::Connection;

namespace {

using Strings = std::vector<std::string>;

sockets::Deadline soon() { return sockets::Clock::now() + std::chrono::seconds(20); }

/// Joins and leaves.
void join(const MeetingPlace& place) {
    if (!join_sockets(place)->meet(20.0)) throw std::runtime_error("not all have met");
}

MeetingPlace with_seconds(MeetingPlace place, double seconds) {
    place.seconds = seconds;
    return place;
}

Connection knock(uint16_t port) {
    for (;;) {
        try {
            return sockets::connect_to("127.0.0.1", port, soon());
        } catch (const sockets::Unreachable&) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    }
}

Connection knock(uint16_t port, std::string_view text) {
    Connection connection = knock(port);
    connection.write(std::as_bytes(std::span(text)), soon());
    return connection;
}

sockets::Answer answer_to(uint16_t port, const sockets::Hello& hello) {
    const Connection connection = knock(port);
    connection.write(sockets::bytes_of(hello), soon());
    return sockets::read_one<sockets::Reply>(connection, soon()).answer;
}

constexpr std::string_view http =
    "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: somebody who looks for web pages\r\nAccept: "
    "*/*\r\n\r\n";

}  // namespace

TEST_CASE("meeting: whoever is first waits for the others") {
    for (const int late : {0, 1, 2}) {
        const uint16_t port = free_port();
        CHECK(in_threads(3, [&](int rank) {
                  if (rank == late) std::this_thread::sleep_for(std::chrono::milliseconds(500));
                  join(place_of(rank, 3, port));
              }) == Strings(3));
    }
}

TEST_CASE("meeting: who comes before process 0 does not meet itself") {
    // Linux gives connections the even ones of its 28,000 ports first, and listeners the odd ones.
    const auto is_free_afterwards = [](uint16_t port) {
        for (int attempt = 0; attempt < 60'000; ++attempt)
            REQUIRE_THROWS_AS(sockets::connect_to("127.0.0.1", port, soon()), sockets::Unreachable);
        return error_of([&] { const sockets::Door door(port); }) == "no error";
    };
    const auto even = [](uint16_t port) { return static_cast<uint16_t>(port & ~1U); };
    // Somebody else's connection may have been given one.
    CHECK((is_free_afterwards(even(free_port())) || is_free_afterwards(even(free_port()))));
}

TEST_CASE("meeting: a machine by its name, and by addresses of both versions") {
    for (const char* host : {"localhost", "127.0.0.1", "::1", "127.0.1.1"}) {
        CAPTURE(host);
        const uint16_t port = free_port();
        CHECK(in_threads(3, [&](int rank) {
                  MeetingPlace place = place_of(rank, 3, port);
                  if (rank != 1) place.host = host;
                  join(place);
              }) == Strings(3));
    }
}

TEST_CASE("meeting: strangers, other runs and second comers do not disturb it") {
    using sockets::Answer;
    const uint16_t port = free_port();
    const Strings told = in_threads(3, [&](int rank) {
        if (rank == 0) return join(place_of(0, 3, port));
        if (rank == 1) {
            const Connection silent = knock(port), torn = knock(port, "vitrine"), web = knock(port, http);
            CHECK_THROWS_WITH(sockets::read_one<sockets::Reply>(web, soon()),
                              "Connection reset by peer");  // with words that nobody read
            CHECK(answer_to(port, {.rank = 1, .ranks = 2}) == Answer::other_count);
            CHECK(answer_to(port, {.run = {1, 2}, .rank = 1, .ranks = 3}) == Answer::other_run);
            CHECK(answer_to(port, {.rank = 7, .ranks = 3}) == Answer::other_run);
            CHECK(answer_to(port, {.rank = -1, .ranks = 3}) == Answer::other_run);
            CHECK(answer_to(port, {.rank = 0, .ranks = 3}) == Answer::other_run);
            CHECK(answer_to(port, {.purpose = sockets::Purpose::data, .rank = 1, .ranks = 3}) ==
                  Answer::other_run);
            CHECK(answer_to(port, {.rank = 1, .ranks = 3}) == Answer::welcome);  // and gone again
            {
                const Connection first = knock(port);
                first.write(sockets::bytes_of(sockets::Hello{.rank = 1, .ranks = 3}), soon());
                CHECK(sockets::read_one<sockets::Reply>(first, soon()).answer == Answer::welcome);
                CHECK(answer_to(port, {.rank = 1, .ranks = 3}) == Answer::taken);
                std::this_thread::sleep_for(std::chrono::milliseconds(1500));
            }
            return join(place_of(2, 3, port));
        }
        std::this_thread::sleep_for(std::chrono::seconds(1));
        join(place_of(1, 3, port));  // taken, until the other one has gone
    });
    CHECK(told == Strings(3));
}

TEST_CASE("meeting: who has not come is named, and those that have are told") {
    const uint16_t port = free_port();
    const Strings told =
        in_threads(2, [&](int rank) { join(with_seconds(place_of(2 * rank, 4, port), 1.5 + rank)); });
    CHECK(told[0] ==
          "process 1, 3 of 4 has not come to 127.0.0.1:" + std::to_string(port) + " within 1.5 seconds");
    CHECK(told[1] == "process 0 has given up: not all of the others have come");
}

TEST_CASE("meeting: processes that count differently are refused, and both sides say so") {
    const uint16_t port = free_port();
    const Strings told =
        in_threads(2, [&](int rank) { join(with_seconds(place_of(rank, 2 + rank, port), 1.0)); });
    const std::string at = "127.0.0.1:" + std::to_string(port);
    CHECK(told[0] == "process 1 of 2 has not come to " + at +
                         " within 1 seconds; refused: one that takes itself for process 1 of 3");
    CHECK(told[1] == "process 1 of 3 has not met process 0 within 1 seconds: " + at +
                         ": process 0 of 2 processes answers");
}

TEST_CASE("meeting: nobody there, no such machine, a port that is taken, another program") {
    const uint16_t port = free_port();
    const std::string at = "127.0.0.1:" + std::to_string(port);
    CHECK(error_of([&] { join(with_seconds(place_of(1, 2, port), 0.5)); }) ==
          "process 1 of 2 has not met process 0 within 0.5 seconds: " + at + ": Connection refused");
    MeetingPlace nowhere = place_of(1, 2, port);
    nowhere.host = "no-such-machine.invalid";
    CHECK(contains(error_of([&] { join(nowhere); }),
                   "the machine \"no-such-machine.invalid\", where process 0 should be, cannot be found: "));
    const StandInStore other({}, [](int, const Connection& connection) {
        connection.write(std::as_bytes(std::span(http)), soon());
        return true;
    });
    CHECK(error_of([&] { join(place_of(0, 2, other.port())); }) ==
          "process 0 cannot listen at port " + std::to_string(other.port()) +
              " (MASTER_PORT): Address already in use");
    CHECK(contains(error_of([&] { join(with_seconds(place_of(1, 2, other.port()), 0.5)); }),
                   "what answers there is no such process"));
}
