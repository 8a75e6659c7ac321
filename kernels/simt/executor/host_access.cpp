// The handler of segmentation faults: see host_access.h.

#include "kernels/simt/executor/host_access.h"

#include <fmt/format.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include <string>

#include "kernels/running_kernel.h"
#include "kernels/simt/executor/device_memory.h"

namespace vitrine::simt {
namespace {

struct sigaction action_before;

/// What the processor says of the access, where it says it.
const char* verb([[maybe_unused]] const void* context) {
#if defined(__x86_64__) && defined(REG_ERR)
    constexpr greg_t is_write = 2;
    const auto* state = static_cast<const ucontext_t*>(context);
    return (state->uc_mcontext.gregs[REG_ERR] & is_write) != 0 ? "writes" : "reads";
#else
    return "touches";
#endif
}

/// Of the kernel of the contract whose host code runs on this thread, if one does.
std::string whose() {
    if (running_kernel.kernel == nullptr) return "";
    return fmt::format(" of {}, implementation {},", running_kernel.kernel, running_kernel.implementation);
}

std::string sentence(uintptr_t address, const void* context) {
    const DeviceMemory& memory = DeviceMemory::instance();
    const std::string where = memory.try_describe(address);
    return fmt::format(
        "simt: {}{} {} the device's memory at {:#x}{}{}: on a GPU only kernels and copies can; copy to the "
        "host first (copy_to_host), or pass the pointer to a kernel\n",
        memory.is_open() ? "a kernel or host code" : "host code", whose(), verb(context), address,
        where.empty() ? "" : ", ", where);
}

/// The access faulted in code that holds none of our locks, so that more may be done here than in most
/// handlers. On return it is made once more, and meets whatever was there before this handler.
void on_segmentation_fault(int, siginfo_t* fault, void* context) {
    sigaction(SIGSEGV, &action_before, nullptr);
    const auto address = reinterpret_cast<uintptr_t>(fault->si_addr);
    if (!DeviceMemory::instance().contains(address)) return;
    const std::string text = sentence(address, context);
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

void watch_host_accesses() {
    struct sigaction action {};
    action.sa_sigaction = on_segmentation_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    struct sigaction replaced {};
    sigaction(SIGSEGV, &action, &replaced);
    if (replaced.sa_sigaction != on_segmentation_fault) action_before = replaced;
}

}  // namespace vitrine::simt
