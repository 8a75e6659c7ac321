// Processes that meet by the store that torchrun keeps: with values of an earlier start in it, torn connections, and what is none.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

#include "kernels/sockets/door.h"
#include "kernels/sockets/join_sockets.h"
#include "kernels/sockets/store.h"
#include "tests/error_of.h"
#include "tests/sockets/stand_in_store.h"
#include "tests/sockets/together.h"

using namespace vitrine;
using namespace vitrine::tests;
using sockets::Connection;
using sockets::Store;

namespace {

using Strings = std::vector<std::string>;

sockets::Deadline after(double seconds) {
    return sockets::Clock::now() +
           std::chrono::duration_cast<sockets::Clock::duration>(std::chrono::duration<double>(seconds));
}

MeetingPlace by_store(int rank, int ranks, const StandInStore& store, double seconds = 20.0) {
    MeetingPlace place = place_of(rank, ranks, store.port());
    place.is_store = true;
    place.run = "a run/0";
    place.seconds = seconds;
    return place;
}

void join(const MeetingPlace& place) {
    if (!join_sockets(place)->meet(20.0)) throw std::runtime_error("not all have met");
}

Strings three_by(const StandInStore& store) {
    return in_threads(3, [&](int rank) {
        if (rank == 0) std::this_thread::sleep_for(std::chrono::milliseconds(500));
        join(by_store(rank, 3, store));
    });
}

const char* const key = "vitrine/a run/0/process_0";

StandInStore::Instead saying(std::string_view text) {
    return [text](int, const Connection& connection) {
        connection.write(std::as_bytes(std::span(text)), after(5.0));
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        return true;
    };
}

}  // namespace

TEST_CASE("store: what is set is there, what is not is not") {
    const StandInStore stand_in;
    const Store store("127.0.0.1", stand_in.port(), after(5.0));
    CHECK(store.get("a") == std::nullopt);
    store.set("a", "b c");
    CHECK(store.get("a") == "b c");
    store.set("a", "");
    CHECK(store.get("a") == "");
}

TEST_CASE("store: processes meet by it, whoever comes first") {
    const StandInStore store;
    CHECK(three_by(store) == Strings(3));
    CHECK(three_by(store) == Strings(3));  // with the address of those before
}

TEST_CASE("store: an address of processes that have ended, or of another run, is no obstacle") {
    sockets::Door silent(0);  // takes the connection, and never answers
    for (const std::string& stale :
         {fmt::format("1 2 {} 127.0.0.1", free_port()), fmt::format("1 2 {} 127.0.0.1", silent.port()),
          std::string("1 2 3 "), std::string("rubbish"), std::string()}) {
        CAPTURE(stale);
        const StandInStore store({{key, stale}});
        CHECK(three_by(store) == Strings(3));
    }
    // Another run's process 0, which still waits for its own.
    const StandInStore others;
    std::jthread waiting([&] { error_of([&] { join(by_store(0, 3, others, 3.0)); }); });
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    std::istringstream address(Store("127.0.0.1", others.port(), after(5.0)).get(key).value());
    std::string token, other_half, port;
    address >> token >> other_half >> port;
    const StandInStore store({{key, fmt::format("1 2 {} 127.0.0.1", port)}});
    CHECK(three_by(store) == Strings(3));
}

TEST_CASE("store: connections that break are made anew") {
    const StandInStore store({}, [](int number, const Connection&) { return number < 5; });
    CHECK(three_by(store) == Strings(3));
}

TEST_CASE("store: what answers and is none is named, and so is one that says nothing of process 0") {
    for (const auto& [rank, answer] :
         {std::pair<int, std::string_view>{1, "HTTP/1.1 400 Bad Request\r\n\r\n"},
          {0, "HTTP/1.1 400 Bad Request\r\n\r\n"},
          {1, std::string_view("\7\1\0\0\0\0\0\0\0x", 10)},
          {1, std::string_view("\0\xff\xff\xff\xff\xff\xff\xff\xff", 9)}}) {
        const StandInStore other({}, saying(answer));
        CHECK(contains(error_of([&] { join(by_store(rank, 2, other, 1.0)); }),
                       fmt::format("what answers at 127.0.0.1:{} is not torchrun's store", other.port())));
    }
    const StandInStore store;
    CHECK(error_of([&] { join(by_store(1, 2, store, 0.5)); }) ==
          fmt::format(
              "process 1 of 2 has not met process 0 within 0.5 seconds: torchrun's store at 127.0.0.1:{} has "
              "not heard of it",
              store.port()));
    const StandInStore mute({}, [](int, const Connection&) {
        std::this_thread::sleep_for(std::chrono::seconds(2));
        return true;
    });
    CHECK(error_of([&] { join(by_store(1, 2, mute, 1.0)); }) ==
          fmt::format(
              "process 1 of 2 has not met process 0 within 1 seconds: torchrun's store at 127.0.0.1:{}: no "
              "answer",
              mute.port()));
}
