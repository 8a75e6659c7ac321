// Who is on the same machine: see neighbours.h.

#include "kernels/launch/neighbours.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "kernels/cores.h"

namespace vitrine {
namespace {

struct Process {
    std::array<char, 128> machine{};
    ProcessorSet processors{};
};

/// Some clusters give all their machines one name, but a kernel is started once.
std::array<char, 128> this_machine() {
    std::string boot;
    std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
    std::array<char, 65> host{};
    ::gethostname(host.data(), host.size() - 1);
    const std::string both = boot + " " + host.data();
    std::array<char, 128> machine{};
    std::copy_n(both.begin(), std::min(both.size(), machine.size()), machine.begin());
    return machine;
}

}  // namespace

Neighbours meet_neighbours(Collective& processes) {
    std::vector<Process> all(static_cast<size_t>(processes.ranks()));
    const auto rank = static_cast<size_t>(processes.rank());
    all[rank] = {this_machine(), allowed_processors()};
    processes.gather(std::as_writable_bytes(std::span(all)));
    std::vector<ProcessorSet> sets;
    size_t mine = 0;
    for (size_t other = 0; other < all.size(); ++other) {
        if (all[other].machine != all[rank].machine) continue;
        if (other == rank) mine = sets.size();
        sets.push_back(all[other].processors);
    }
    return {static_cast<int>(mine), share_of_cores(sets, mine)};
}

}  // namespace vitrine
