// Processes over sockets: see linked_processes.h.

#include "tests/vendor/linked_processes.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

std::string variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

int number(const char* name) { return std::atoi(variable(name).c_str()); }

}  // namespace

std::string run_linked(int processes, const std::string& program, const std::string& test_case, int seconds,
                       const std::string& variables) {
    static std::atomic<int> groups = 0;
    const TemporaryFolder folder;
    const std::string script = fmt::format(
        "for rank in $(seq 0 {last}); do"
        " ( VITRINE_TEST_RANK=$rank VITRINE_TEST_RANKS={processes} "
        "VITRINE_TEST_GROUP=vitrine-test-{pid}-{group}"
        " VITRINE_SIMT_GPUS={processes} OMP_NUM_THREADS=1 {variables}"
        " timeout -s KILL {seconds} {program} --no-skip -tc='{test_case}';"
        " [ $? = 137 ] && echo 'it hangs' ) > {folder}/$rank 2>&1 & done; wait; cat {folder}/*",
        fmt::arg("last", processes - 1), fmt::arg("processes", processes), fmt::arg("pid", ::getpid()),
        fmt::arg("group", groups++), fmt::arg("variables", variables), fmt::arg("seconds", seconds),
        fmt::arg("program", program), fmt::arg("test_case", test_case),
        fmt::arg("folder", folder.path().string()));
    return run_script(script).out;
}

LinkedProcesses::LinkedProcesses()
    : rank_(number("VITRINE_TEST_RANK")),
      ranks_(number("VITRINE_TEST_RANKS")),
      links_(variable("VITRINE_TEST_GROUP"), rank_, ranks_) {}

void LinkedProcesses::send(std::span<const std::byte> data, int to) {
    for (size_t done = 0; done < data.size();) {
        const long sent = links_.send(to, data.data() + done, data.size() - done);
        if (sent < 0) throw AbsentProcess(fmt::format("process {} is gone", to));
        done += static_cast<size_t>(sent);
        if (sent == 0) std::this_thread::yield();
    }
}

void LinkedProcesses::receive(std::span<std::byte> data, int from) {
    for (size_t done = 0; done < data.size();) {
        const long received = links_.receive(from, data.data() + done, data.size() - done);
        if (received < 0) throw AbsentProcess(fmt::format("process {} is gone", from));
        done += static_cast<size_t>(received);
        if (received == 0) std::this_thread::yield();
    }
}

void LinkedProcesses::broadcast(std::span<std::byte> data, int from) {
    if (rank_ != from) return receive(data, from);
    for (int other = 0; other < ranks_; ++other) {
        if (other != from) send(data, other);
    }
}

void LinkedProcesses::gather(std::span<std::byte> parts) {
    const size_t part = parts.size() / static_cast<size_t>(ranks_);
    for (int from = 0; from < ranks_; ++from)
        broadcast(parts.subspan(static_cast<size_t>(from) * part, part), from);
}

int64_t LinkedProcesses::largest(int64_t value) {
    std::vector<int64_t> values(static_cast<size_t>(ranks_));
    values[static_cast<size_t>(rank_)] = value;
    gather(std::as_writable_bytes(std::span(values)));
    return std::ranges::max(values);
}

bool LinkedProcesses::meet(double) {
    largest(0);
    return true;
}

void LinkedProcesses::throw_absent() { throw AbsentProcess("no answer from another process"); }

void LinkedProcesses::end_all(int code) { std::_Exit(code); }

}  // namespace vitrine::tests
