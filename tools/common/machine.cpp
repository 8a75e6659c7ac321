// The machine that this program runs on: see machine.h.

#include "tools/common/machine.h"

#include <unistd.h>

#include <thread>

#include "kernels/cores.h"

namespace vitrine::tools {

Machine this_machine() {
    return {.cpu = processor_name(),
            .cores = static_cast<int64_t>(std::thread::hardware_concurrency()),
            .memory_bytes = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGE_SIZE)};
}

}  // namespace vitrine::tools
