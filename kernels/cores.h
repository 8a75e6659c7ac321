// The processor: its name, how many threads are worth starting here, and how many can be.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace vitrine {

/// The cores that this process may keep busy: those that it may run on (taskset), and no more than a
/// container's quota of processor time pays for, rounded up. At least 1.
int usable_cores();

/// Cores' worth of processor time that control groups allow, the least of the group and all above it: cpu.max
/// of version 2, cpu.cfs_quota_us of version 1. Nothing where there is no limit. `groups` lists this
/// process's groups as /proc/self/cgroup does, and `mount` is where they are mounted.
std::optional<double> processor_quota(const std::filesystem::path& groups = "/proc/self/cgroup",
                                      const std::filesystem::path& mount = "/sys/fs/cgroup");

/// Its maker's name for it; empty where the system does not say.
std::string processor_name();

/// How many of so many threads the system lets this process run beside those that run already.
int startable_threads(int wanted);

}  // namespace vitrine
