// The processor: its name, how many threads are worth starting here, and how many can be.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace vitrine {

/// The cores that this process may keep busy: those that it may run on (taskset), and no more than a
/// container's quota of processor time pays for, rounded up. At least 1.
int usable_cores();

/// Processors by their numbers, a bit each.
using ProcessorSet = std::array<uint64_t, 1024>;

/// Those that this process may run on; none where the system does not say.
ProcessorSet allowed_processors();

/// Cores' worth of processor time that control groups allow, the least of the group and all above it: cpu.max
/// of version 2, cpu.cfs_quota_us of version 1. Nothing where there is no limit. `groups` lists this
/// process's groups as /proc/self/cgroup does, and `mount` is where they are mounted.
std::optional<double> processor_quota(const std::filesystem::path& groups = "/proc/self/cgroup",
                                      const std::filesystem::path& mount = "/sys/fs/cgroup");

/// How many of a machine's cores a process should keep busy beside others: each may run on its own set, sets[mine] is that of the
/// process that asks, and a processor counts as one over the number of those that may run on it. No more than an equal part
/// of the quota pays for, and at least 1.
int share_of_cores(std::span<const ProcessorSet> sets, size_t mine,
                   std::optional<double> quota = processor_quota());

/// Its maker's name for it; empty where the system does not say.
std::string processor_name();

/// How many of so many threads the system lets this process run beside those that run already.
int startable_threads(int wanted);

}  // namespace vitrine
