// The asynchronous copies (cp.async) of one block's threads, from the moment they are asked for until they are waited for.
//
// A copy happens at the latest moment: when its thread waits for its group. Until then the destination is poison, and its
// cells carry a stamp of their own, later than any clock, so that no access to it is one of the common cases
// and each that should have waited is found.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/simt/executor/grid.h"

namespace vitrine::simt {

struct AsyncCopy {
    uintptr_t to;
    uintptr_t from;  // 0: zeros are written
    uint32_t bytes;
    uintptr_t code;  // of the instruction
    uint32_t group = 0;
};

/// Belongs to one OS thread, and holds what the block that is running has under way.
class AsyncCopies {
  public:
    void begin_block();
    void add(uint32_t rank, AsyncCopy copy);
    /// Ends the thread's group.
    void commit(uint32_t rank);
    /// Takes the copies of all groups of the thread that are complete but the last `pending`, in their order.
    std::vector<AsyncCopy> take(uint32_t rank, uint32_t pending);

  private:
    struct OfThread {
        std::vector<AsyncCopy> copies;
        uint32_t committed = 0;  // groups
    };
    OfThread& of(uint32_t rank);

    std::unique_ptr<OfThread[]> threads_;  // once there is any
    std::vector<uint32_t> used_;           // by this block
    std::unique_ptr<bool[]> in_use_;
};

}  // namespace vitrine::simt
