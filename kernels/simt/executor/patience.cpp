// Counting looks in vain.

#include "kernels/simt/executor/patience.h"

#include <sched.h>

namespace vitrine::simt {
namespace {

// The same look by one thread, while its block has written nothing.
constexpr uint32_t most_looks = 1u << 18;
// Blocks on other OS threads may need this long to do what is waited for.
constexpr std::chrono::seconds longest_wait{10};

}  // namespace

bool Patience::ends(uint64_t thread, uintptr_t address, uint64_t written, bool several_workers) {
    Look& look = looks_[(address / 4 + thread) % looks_.size()];
    if (look.thread != thread || look.address != address || look.written != written) {
        look = {thread, address, written, 0, {}};
        return false;
    }
    if (++look.times < most_looks) return false;
    if (!several_workers) return true;
    if (look.times == most_looks) look.since = Clock::now();
    sched_yield();
    return Clock::now() - look.since > longest_wait;
}

}  // namespace vitrine::simt
