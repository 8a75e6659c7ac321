// The usable cores: what control groups of both versions say, and what the affinity mask does.

#include "kernels/cores.h"

#include <doctest/doctest.h>
#include <sched.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace vitrine {
namespace {

namespace fs = std::filesystem;

/// A made-up /sys/fs/cgroup and /proc/self/cgroup.
class Groups {
  public:
    Groups() {
        std::string name = (fs::temp_directory_path() / "vitrine-groups-XXXXXX").string();
        root_ = ::mkdtemp(name.data());
    }
    ~Groups() { fs::remove_all(root_); }
    Groups(const Groups&) = delete;
    Groups& operator=(const Groups&) = delete;

    void write(const std::string& file, const std::string& text) const {
        const fs::path path = root_ / "mount" / file;
        fs::create_directories(path.parent_path());
        std::ofstream(path) << text << '\n';
    }
    double quota(const std::string& groups) const {
        std::ofstream(root_ / "groups") << groups;
        return processor_quota(root_ / "groups", root_ / "mount").value_or(0.0);
    }

  private:
    fs::path root_;
};

TEST_CASE("a quota of version 2 is the least of the group and those above it") {
    const Groups groups;
    CHECK(groups.quota("0::/\n") == 0.0);
    groups.write("a/b/cpu.max", "max 100000");
    CHECK(groups.quota("0::/a/b\n") == 0.0);
    groups.write("a/b/cpu.max", "400000 100000");
    CHECK(groups.quota("0::/a/b\n") == 4.0);
    groups.write("a/cpu.max", "150000 100000");
    CHECK(groups.quota("0::/a/b\n") == 1.5);
    groups.write("cpu.max", "50000 100000");  // a container sees its group as the mount
    CHECK(groups.quota("0::/\n") == 0.5);
    CHECK(groups.quota("0::/not/seen/from/here\n") == 0.5);
}

TEST_CASE("a quota of version 1 is found below its controllers, and -1 is none") {
    const Groups groups;
    const char* lines = "11:memory:/x\n3:cpu,cpuacct:/docker/1\n2:cpuset:/\n0::/\n";
    CHECK(groups.quota(lines) == 0.0);
    groups.write("cpu,cpuacct/docker/1/cpu.cfs_quota_us", "-1");
    groups.write("cpu,cpuacct/docker/1/cpu.cfs_period_us", "100000");
    CHECK(groups.quota(lines) == 0.0);
    groups.write("cpu,cpuacct/docker/1/cpu.cfs_quota_us", "250000");
    CHECK(groups.quota(lines) == 2.5);
    groups.write("cpu/cpu.cfs_quota_us", "200000");
    groups.write("cpu/cpu.cfs_period_us", "100000");
    CHECK(groups.quota(lines) == 2.0);
    CHECK(groups.quota("4:cpuset:/docker/1\n") == 0.0);
}

TEST_CASE("files of control groups that hold something else set no quota") {
    const Groups groups;
    for (const char* text : {"", "max", "nonsense 5", "100000", "100000 0", "-5 100000", "nan nan"}) {
        CAPTURE(text);
        groups.write("cpu.max", text);
        CHECK(groups.quota("0::/\n") == 0.0);
    }
    CHECK(groups.quota("no colon\n:\n::\n") == 0.0);
}

TEST_CASE("no more cores are usable than this thread may run on") {
    cpu_set_t before, one;
    REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
    const int cores = usable_cores();
    CHECK(cores >= 1);
    CHECK(cores <= CPU_COUNT(&before));
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i) {
        if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
    }
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(usable_cores() == 1);
    REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
    CHECK(usable_cores() == cores);
}

TEST_CASE("the processors that a process may run on are those of its mask") {
    cpu_set_t mask;
    REQUIRE(sched_getaffinity(0, sizeof mask, &mask) == 0);
    const ProcessorSet set = allowed_processors();
    for (size_t i = 0; i < CPU_SETSIZE; ++i) {
        CAPTURE(i);
        CHECK((set[i / 64] >> i % 64 & 1) == (CPU_ISSET(i, &mask) ? 1u : 0u));
    }
}

TEST_CASE("processes of a machine divide the cores that they share, and keep those that are their own") {
    const auto from_to = [](size_t first, size_t last) {
        ProcessorSet set{};
        for (size_t i = first; i <= last; ++i) set[i / 64] |= uint64_t{1} << i % 64;
        return set;
    };
    const auto shares = [](const std::vector<ProcessorSet>& sets, std::optional<double> quota = {}) {
        std::vector<int> all;
        for (size_t i = 0; i < sets.size(); ++i) all.push_back(share_of_cores(sets, i, quota));
        return all;
    };
    using Shares = std::vector<int>;
    CHECK(shares({from_to(0, 15), from_to(0, 15)}) == Shares{8, 8});  // not bound
    CHECK(shares({from_to(0, 7), from_to(8, 15)}) == Shares{8, 8});   // bound by srun -c 8
    CHECK(shares({from_to(0, 0), from_to(1, 1)}) == Shares{1, 1});    // by mpirun --bind-to core
    CHECK(shares({from_to(0, 63), from_to(0, 63), from_to(64, 127), from_to(64, 127)}) ==
          Shares{32, 32, 32, 32});  // to sockets
    CHECK(shares({from_to(0, 5), from_to(0, 5), from_to(0, 5)}) == Shares{2, 2, 2});
    CHECK(shares({from_to(0, 7), from_to(4, 7)}) == Shares{6, 2});
    CHECK(shares({from_to(0, 1), from_to(0, 1), from_to(0, 1)}) == Shares{1, 1, 1});  // more than cores
    CHECK(shares({from_to(0, 15), from_to(0, 15)}, 5.5) == Shares{3, 3});             // a container's quota
    CHECK(shares({from_to(0, 1), from_to(2, 3)}, 100.0) == Shares{2, 2});
}

TEST_CASE("as many threads can be started as are wanted, where nothing is against it") {
    CHECK(startable_threads(0) == 0);
    CHECK(startable_threads(5) == 5);
}

}  // namespace
}  // namespace vitrine
