// How long a thread may look at the same word in vain: one that waits for what only a block after its own
// would do waits for ever here, where a block runs from beginning to end.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace vitrine::simt {

/// Belongs to one OS thread.
class Patience {
  public:
    /// A thread looks at a word that may change under it: by a volatile read, or an atomic operation that
    /// changes nothing. `thread` is its own number among all of all launches; `written` grows with whatever
    /// its block writes. Returns whether that is enough.
    bool ends(uint64_t thread, uintptr_t address, uint64_t written, bool several_workers);

  private:
    using Clock = std::chrono::steady_clock;
    struct Look {
        uint64_t thread = 0;
        uintptr_t address = 0;
        uint64_t written = 0;
        uint32_t times = 0;
        Clock::time_point since;  // that the OS thread has done little else
    };

    std::array<Look, 64> looks_{};  // the lanes of a warp may each look at a word of their own
};

}  // namespace vitrine::simt
