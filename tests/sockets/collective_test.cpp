// A Collective over sockets: every function, between any number of processes.

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <thread>
#include <vector>

#include "tests/sockets/together.h"

using namespace vitrine;
using namespace vitrine::tests;

namespace {

using Strings = std::vector<std::string>;

/// Bytes that tell who has made them, and for which message.
std::vector<uint8_t> made_by(int process, int message, size_t size) {
    std::vector<uint8_t> bytes(size);
    for (size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<uint8_t>(i * 7 + i / 251 + static_cast<size_t>(31 * process + 5 * message));
    return bytes;
}

auto to_send(const std::vector<uint8_t>& bytes) { return std::as_bytes(std::span(bytes)); }
auto to_fill(std::vector<uint8_t>& bytes) { return std::as_writable_bytes(std::span(bytes)); }

const std::vector<size_t> sizes{0, 1, 17, 70'000, 9'000'001};  // the last is more than any socket holds

void check_pairs(Collective& processes) {
    const int me = processes.rank();
    for (int from = 0; from < processes.ranks(); ++from) {
        for (int to = 0; to < processes.ranks(); ++to) {
            if (from == to) continue;
            for (const size_t size : sizes) {
                const std::vector<uint8_t> expected = made_by(from, to, size);
                if (me == from) processes.send(to_send(expected), to);
                if (me != to) continue;
                std::vector<uint8_t> here(size);
                processes.receive(to_fill(here), from);
                CHECK((here == expected));
            }
        }
    }
}

void check_broadcasts(Collective& processes) {
    for (int from = 0; from < processes.ranks(); ++from) {
        for (const size_t size : sizes) {
            const std::vector<uint8_t> expected = made_by(from, 99, size);
            std::vector<uint8_t> here = processes.rank() == from ? expected : std::vector<uint8_t>(size);
            processes.broadcast(to_fill(here), from);
            CHECK((here == expected));
        }
    }
}

void check_gathers(Collective& processes) {
    const auto ranks = static_cast<size_t>(processes.ranks()), me = static_cast<size_t>(processes.rank());
    for (const size_t size : sizes) {
        std::vector<uint8_t> here(size * ranks), expected;
        for (int process = 0; process < processes.ranks(); ++process) {
            const std::vector<uint8_t> part = made_by(process, 1, size);
            expected.insert(expected.end(), part.begin(), part.end());
        }
        std::copy_n(expected.begin() + static_cast<ptrdiff_t>(me * size), size,
                    here.begin() + static_cast<ptrdiff_t>(me * size));
        processes.gather(to_fill(here));
        CHECK((here == expected));
    }
}

}  // namespace

TEST_CASE("every function brings what was given, between two to seven processes, whatever the size") {
    for (const int ranks : {2, 3, 4, 7}) {
        CAPTURE(ranks);
        const Strings told = together(ranks, [&](Collective& processes) {
            CHECK(processes.ranks() == ranks);
            check_pairs(processes);
            check_broadcasts(processes);
            check_gathers(processes);
            CHECK(processes.largest(processes.rank() == 1 ? -3 : -4 - processes.rank()) == -3);
            CHECK(processes.largest(processes.rank()) == ranks - 1);
        });
        CHECK(told == Strings(static_cast<size_t>(ranks)));
    }
}

TEST_CASE("large messages in a ring: who receives before it sends lets the others go on") {
    constexpr size_t size = 20'000'000;
    const Strings told = together(3, [](Collective& processes) {
        const int me = processes.rank(), next = (me + 1) % 3, before = (me + 2) % 3;
        const std::vector<uint8_t> mine = made_by(me, 0, size);
        std::vector<uint8_t> here(size);
        if (me != 0) processes.receive(to_fill(here), before);
        processes.send(to_send(mine), next);
        if (me == 0) processes.receive(to_fill(here), before);
        CHECK((here == made_by(before, 0, size)));
    });
    CHECK(told == Strings(3));
}

TEST_CASE("processes of a machine are counted, and share its cores") {
    std::vector<int> numbers(3), cores(3);
    CHECK(together(3, [&](Collective& processes) {
              const auto rank = static_cast<size_t>(processes.rank());
              numbers[rank] = processes.number_on_machine();
              cores[rank] = processes.cores();
          }) == Strings(3));
    CHECK(numbers == std::vector{0, 1, 2});
    CHECK(*std::ranges::min_element(cores) >= 1);
    CHECK(*std::ranges::max_element(cores) <= std::max(1, alone().cores() / 3));
}

TEST_CASE("how long a process has waited is its joining thread's time, and what it says of others") {
    CHECK(together(2, [](Collective& processes) {
              const double before = processes.waited_seconds();
              if (processes.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(300));
              processes.largest(0);
              const double waited = processes.waited_seconds() - before;
              if (processes.rank() == 0) CHECK(waited > 0.2);
              if (processes.rank() == 1) CHECK(waited < 0.2);
              std::jthread([&] { processes.largest(0); }).join();
              CHECK(processes.waited_seconds() - before == waited);
              processes.count_as_waited(7.0);
              CHECK(processes.waited_seconds() - before == doctest::Approx(waited + 7.0));
          }) == Strings(2));
}
