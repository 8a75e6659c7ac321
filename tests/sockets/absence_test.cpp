// A process that is gone, hangs, gives up, ends all or says something wrong, and what the others hear of it.

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "kernels/sockets/join_sockets.h"
#include "tests/sockets/together.h"

using namespace vitrine;
using namespace vitrine::tests;

namespace {

using Strings = std::vector<std::string>;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

void sleep(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

std::span<std::byte> bytes_of(auto& values) { return std::as_writable_bytes(std::span(values)); }

/// As together(), but nobody meets the others at the end. Nobody leaves before all have come: who still is about to join would
/// miss it, end by that, and be missed in its turn.
Strings joined(int ranks, const std::function<void(Collective&)>& body) {
    const uint16_t port = free_port();
    std::latch all_are_here(ranks);
    return in_threads(ranks, [&](int rank) {
        const auto processes = join_sockets(place_of(rank, ranks, port));
        all_are_here.arrive_and_wait();
        body(*processes);
    });
}

/// Process 1 of two is a process, and ends by itself; this one is process 0.
template <class There, class Here>
void beside_a_process(There there, Here here) {
    const uint16_t port = free_port();
    const pid_t child = ::fork();
    if (child == 0) {
        there(*join_sockets(place_of(1, 2, port)));
        ::_exit(0);
    }
    here(*join_sockets(place_of(0, 2, port)), child);
    ::waitpid(child, nullptr, 0);
}

}  // namespace

TEST_CASE("who waits longer than its patience names those that do not wait, too") {
    const auto begin = Clock::now();
    const Strings told = joined(4, [](Collective& processes) {
        if (processes.rank() == 2) return sleep(6.0);
        processes.set_patience(processes.rank() == 3 ? 60.0 : 1.0);  // 3 waits, too: it is asked
        if (processes.rank() == 3) CHECK_THROWS_AS(processes.largest(0), AbsentProcess);
        if (processes.rank() != 3) processes.largest(0);
    });
    const std::string sentence =
        "no answer for 1 seconds from process 2: it hangs, or its machine or the way to it is gone";
    CHECK(told[0] == sentence);
    CHECK(told[1] == sentence);
    CHECK(seconds_since(begin) < 10.0);
}

TEST_CASE("memory is nobody's any more once a function has thrown") {
    CHECK(joined(2,
                 [](Collective& processes) {
                     std::vector<char> numbers(1'000'000, 'a');
                     if (processes.rank() == 0) {
                         processes.set_patience(0.2);
                         CHECK_THROWS_AS(processes.receive(bytes_of(numbers), 1), AbsentProcess);
                         std::ranges::fill(numbers, 'b');
                         CHECK(processes.ended_within(2.0) == std::nullopt);  // the numbers arrive meanwhile
                         CHECK(std::ranges::count(numbers, 'b') == 1'000'000);
                     } else {
                         sleep(4.0);
                         processes.send(bytes_of(numbers), 0);  // until it has gone
                     }
                 })[0]
              .empty());
}

TEST_CASE("a process that is killed is missed at once, by those that wait for others, too") {
    beside_a_process(
        [](Collective& processes) {
            processes.largest(0);
            sleep(30.0);
        },
        [](Collective& processes, pid_t child) {
            std::jthread killer([&] {
                sleep(0.3);
                ::kill(child, SIGKILL);
            });
            sleep(0.1);
            std::vector<int> numbers(1);
            const auto begin = Clock::now();
            processes.largest(0);
            CHECK_THROWS_WITH_AS(processes.receive(bytes_of(numbers), 1),
                                 "process 1 has ended, or the connection to it is lost", AbsentProcess);
            CHECK(seconds_since(begin) < 2.0);
        });
    const Strings told = joined(3, [](Collective& processes) {
        std::vector<int> numbers(1);
        if (processes.rank() == 0) processes.receive(bytes_of(numbers), 1);
        if (processes.rank() == 1) sleep(2.0);
    });
    CHECK(told[0] == "process 2 has ended, or the connection to it is lost");
}

TEST_CASE("give_up() frees a thread that waits") {
    CHECK(joined(2, [](Collective& processes) {
              if (processes.rank() == 1) return sleep(2.0);
              std::jthread other([&] {
                  sleep(0.3);
                  processes.give_up();
              });
              const auto begin = Clock::now();
              CHECK_THROWS_WITH_AS(processes.largest(0), "this process has given up", AbsentProcess);
              CHECK(seconds_since(begin) < 1.0);
          }) == Strings(2));
}

TEST_CASE("who ends all ends those that wait, and those that have already thrown, with its code") {
    beside_a_process(
        [](Collective& processes) {
            sleep(0.3);
            processes.end_all(7);
        },
        [](Collective& processes, pid_t child) {
            int code = 0;
            try {
                processes.largest(0);
            } catch (const EndedElsewhere& ended) {
                code = ended.code;
            }
            CHECK(code == 7);
            CHECK(processes.ended_within(0.0) == 7);
            int status = 0;
            CHECK(::waitpid(child, &status, 0) == child);
            CHECK(WEXITSTATUS(status) == 7);
        });
    beside_a_process(
        [](Collective& processes) {
            sleep(1.0);
            processes.end_all(3);
        },
        [](Collective& processes, pid_t) {
            processes.set_patience(0.1);
            const auto begin = Clock::now();
            CHECK_THROWS_AS(processes.largest(0), EndedElsewhere);  // while it asks who waits
            CHECK(seconds_since(begin) < 2.5);
        });
}

TEST_CASE("all meet, or it is known who does not come in time") {
    CHECK(joined(3, [](Collective& processes) {
              if (processes.rank() == 2) return sleep(1.5);
              CHECK(!processes.meet(0.5));
              sleep(1.5);
          }) == Strings(3));
    // One that has met all may leave before the others have.
    for (int time = 0; time < 20; ++time) CHECK(together(4, [](Collective&) {}) == Strings(4));
}

TEST_CASE("a message of another size or another function than the one awaited is a broken promise") {
    const Strings told = joined(2, [](Collective& processes) {
        std::vector<char> numbers(processes.rank() == 0 ? 8 : 4);
        if (processes.rank() == 0) processes.receive(bytes_of(numbers), 1);
        if (processes.rank() == 1) processes.send(bytes_of(numbers), 0);
    });
    CHECK(told[0] == "process 1 has sent 4 bytes (of kind 0) where 8 (of kind 0) were awaited");
    const Strings functions = joined(2, [](Collective& processes) {
        std::vector<char> numbers(8);
        if (processes.rank() == 0) processes.receive(bytes_of(numbers), 1);
        if (processes.rank() == 1) processes.broadcast(bytes_of(numbers), 1);
    });
    CHECK(functions[0] == "process 1 has sent 8 bytes (of kind 1) where 8 (of kind 0) were awaited");
}
