// The machine that this program runs on: see machine.h.

#include "tools/common/machine.h"

#include <unistd.h>

#include <fstream>
#include <thread>

namespace vitrine::tools {
namespace {

/// The value of the first line of /proc/cpuinfo that begins so.
std::string cpu_name() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const size_t colon = line.find(": ");
        if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
    }
    return "";
}

}  // namespace

Machine this_machine() {
    return {.cpu = cpu_name(),
            .cores = static_cast<int64_t>(std::thread::hardware_concurrency()),
            .memory_bytes = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGE_SIZE)};
}

}  // namespace vitrine::tools
