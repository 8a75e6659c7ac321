// Times what two processes say to one another (kernels/collective.h), for check_scale.py: mpirun -np 2 time_messages BYTES, or
// launched by variables (kernels/launch), which takes sockets.
//
// The standard output has a JSON object: seconds of a message without content, until the other one has it and goes on, and of
// one of so many bytes.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "kernels/launch/join_processes.h"

namespace vitrine {
namespace {

/// The median of rounds there and back, halved.
double seconds_of(Collective& processes, size_t bytes) {
    constexpr int rounds = 101;
    std::vector<std::byte> data(bytes);
    std::vector<double> seconds;
    for (int round = 0; round < rounds; ++round) {
        const auto begin = std::chrono::steady_clock::now();
        if (processes.rank() == 0) {
            processes.send(data, 1);
            processes.receive(data, 1);
        } else {
            processes.receive(data, 0);
            processes.send(data, 0);
        }
        const std::chrono::duration<double> both = std::chrono::steady_clock::now() - begin;
        seconds.push_back(both.count() / 2.0);
    }
    std::ranges::nth_element(seconds, seconds.begin() + rounds / 2);
    return seconds[rounds / 2];
}

int run(size_t bytes) {
    const std::unique_ptr<Collective> processes = join_processes();
    if (processes == nullptr || processes->ranks() != 2) {
        std::fprintf(stderr, "time_messages: launch two processes, such as by mpirun -np 2\n");
        return 2;
    }
    const double empty = seconds_of(*processes, 1), full = seconds_of(*processes, bytes);
    if (processes->rank() == 0) fmt::print("{{\"empty\": {}, \"full\": {}}}\n", empty, full);
    return processes->meet(60.0) ? 0 : 1;
}

}  // namespace
}  // namespace vitrine

int main(int argc, char** argv) {
    const long long bytes = argc == 2 ? std::atoll(argv[1]) : 0;
    if (bytes < 1) {
        std::fprintf(stderr, "time_messages: how many bytes?\n");
        return 2;
    }
    try {
        return vitrine::run(static_cast<size_t>(bytes));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "time_messages: %s\n", error.what());
        return 1;
    }
}
