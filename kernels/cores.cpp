// The processor's name, and how many threads are worth starting here and can be: see cores.h.

#include "kernels/cores.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <vector>

namespace vitrine {
namespace {

namespace fs = std::filesystem;

constexpr size_t bits_of_word = 64;

bool has(const ProcessorSet& set, size_t processor) {
    return (set[processor / bits_of_word] >> processor % bits_of_word & 1) != 0;
}

int cores_of_affinity() {
    int cores = 0;
    for (const uint64_t word : allowed_processors()) cores += std::popcount(word);
    return cores > 0 ? cores : static_cast<int>(std::thread::hardware_concurrency());
}

/// Nothing where the files are absent or set no limit ("max", -1).
std::optional<double> quota_of_group(const fs::path& group) {
    double quota = 0.0, period = 0.0;
    std::ifstream version_2(group / "cpu.max");
    std::ifstream quota_1(group / "cpu.cfs_quota_us"), period_1(group / "cpu.cfs_period_us");
    const bool read = (version_2 >> quota >> period) || ((quota_1 >> quota) && (period_1 >> period));
    if (!read || !(quota > 0.0) || !(period > 0.0)) return std::nullopt;
    return quota / period;
}

void take_least(std::optional<double>& least, std::optional<double> quota) {
    if (quota && (!least || *quota < *least)) least = quota;
}

/// The group and those above it, up to the mount. A container may see its own group as the mount and yet have
/// the host's path to it: what is not there sets no limit.
std::optional<double> least_quota(const fs::path& mount, const fs::path& group) {
    std::optional<double> least = quota_of_group(mount);
    fs::path path = mount;
    for (const fs::path& part : group.relative_path()) {
        path /= part;
        take_least(least, quota_of_group(path));
    }
    return least;
}

}  // namespace

std::optional<double> processor_quota(const fs::path& groups, const fs::path& mount) {
    std::optional<double> least;
    std::ifstream file(groups);
    for (std::string line; std::getline(file, line);) {  // NUMBER:CONTROLLERS:PATH
        const size_t first = line.find(':');
        const size_t second = first == line.npos ? first : line.find(':', first + 1);
        if (second == line.npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const fs::path group = line.substr(second + 1);
        const bool version_2 = controllers.empty();
        const bool of_processors = ("," + controllers + ",").find(",cpu,") != std::string::npos;
        if (version_2) {
            take_least(least, least_quota(mount, group));
            take_least(least, least_quota(mount / "unified", group));  // where both versions are mounted
        } else if (of_processors) {
            take_least(least, least_quota(mount / controllers, group));
            take_least(least, least_quota(mount / "cpu", group));
        }
    }
    return least;
}

ProcessorSet allowed_processors() {
    ProcessorSet set{};
    constexpr size_t most = bits_of_word * std::tuple_size_v<ProcessorSet>;
    // The kernel's mask may be larger than a cpu_set_t.
    for (size_t processors = CPU_SETSIZE; processors <= most; processors *= 2) {
        std::vector<cpu_set_t> mask(processors / CPU_SETSIZE);
        const size_t bytes = mask.size() * sizeof(cpu_set_t);
        if (sched_getaffinity(0, bytes, mask.data()) != 0) continue;
        for (size_t i = 0; i < processors; ++i) {
            if (CPU_ISSET_S(i, bytes, mask.data())) set[i / bits_of_word] |= uint64_t{1} << i % bits_of_word;
        }
        break;
    }
    return set;
}

int usable_cores() {
    const int cores = std::max(1, cores_of_affinity());
    const std::optional<double> quota = processor_quota();
    return quota && *quota < cores ? std::max(1, static_cast<int>(std::ceil(*quota))) : cores;
}

int share_of_cores(std::span<const ProcessorSet> sets, size_t mine, std::optional<double> quota) {
    double share = 0.0;
    for (size_t i = 0; i < bits_of_word * std::tuple_size_v<ProcessorSet>; ++i) {
        if (!has(sets[mine], i)) continue;
        share += 1.0 / static_cast<double>(
                           std::ranges::count_if(sets, [&](const ProcessorSet& set) { return has(set, i); }));
    }
    if (share == 0.0) share = static_cast<double>(usable_cores()) / static_cast<double>(sets.size());
    if (quota) share = std::min(share, std::ceil(*quota) / static_cast<double>(sets.size()));
    constexpr double rounding = 1e-6;  // three thirds are a core
    return std::max(1, static_cast<int>(share + rounding));
}

std::string processor_name() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const size_t colon = line.find(": ");
        if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
    }
    return "";
}

int startable_threads(int wanted) {
    std::atomic<bool> ended = false;
    std::vector<std::jthread> threads;
    try {
        while (static_cast<int>(threads.size()) < wanted) threads.emplace_back([&] { ended.wait(false); });
    } catch (const std::system_error&) {
        // As many as there are.
    }
    const int started = static_cast<int>(threads.size());
    ended = true;
    ended.notify_all();
    return started;
}

}  // namespace vitrine
