// Order among the threads of a launch that no barrier gives: by fences and atomics.
//
// What a block's threads have fenced and what they know of others. A barrier of the block, and __syncwarp for
// its lanes, hand both on. A barrier also completes what its threads have acquired, as a fence of theirs
// would: that is how CUDA's own guide and samples let the last block finish. A fence for the block alone
// orders its threads, by logs of the block's own.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/simt/executor/access_sets.h"
#include "kernels/simt/executor/cell.h"
#include "kernels/simt/executor/grid.h"
#include "kernels/simt/executor/releases.h"
#include "kernels/simt/thread.h"

namespace vitrine::simt {

/// Belongs to one OS thread, beside its BlockRunner.
class Fences {
  public:
    Fences();

    void begin_launch(Grid& grid);
    void begin_block(uint32_t number) {
        block_ = number;
        if (anything_) forget_block();
    }

    /// Whether a thread of the launch has passed a fence.
    bool begun() const { return __atomic_load_n(&releases_->begun(), __ATOMIC_SEQ_CST); }

    /// By the running thread, whose clock must grow after it.
    void fence(const Now& now, FenceScope scope);

    /// Whether an atomic operation by the thread would release anything. If so, its clock must grow before
    /// and after.
    bool releases(uint32_t rank) const { return of(rank).fenced[0] != nullptr; }

    /// Runs `change`, an atomic operation of the running thread, which returns whether it wrote.
    template <class Change>
    void at_atomic(const Now& now, uintptr_t address, bool shared, Change&& change) {
        const ByScope<AtomicWord> words{{{address, block_}, {address, shared ? block_ : 0}}};
        const AtomicBy by{now.rank, static_cast<uint32_t>(now.when)};
        ByScope<SharedKnowledge> acquired;
        if (begun()) {
            acquired = releases_->at(words, by, of(now.rank).fenced, change);
        } else {
            change();
            // Another OS thread's release may have been what was read.
            if (begun()) acquired[1] = releases_->acquire(words[1]);
        }
        acquire(now.rank, acquired);
    }

    void plain_write(uintptr_t address, size_t bytes) {
        if (begun()) releases_->forget(address, bytes);
    }

    /// Whether there is anything to hand on.
    bool at_work() const { return !apart_.empty(); }
    void barrier(uint32_t threads);
    void synchronise_lanes(uint32_t first_rank, uint32_t lanes);

    /// Whether an access is known to be past to a thread of the block, by fences and atomics alone.
    bool knows(uint32_t rank, const AccessOfBlock& access) const;
    /// The same of all accesses of a set; `ordered` is asked for those of a block.
    template <class Ordered>
    bool knows_set(uint32_t rank, uint32_t set, Ordered&& ordered) const {
        if (set == AccessSets::overfull) return of(rank).known != nullptr;
        return sets_->all_of(set, ordered);
    }
    AccessSets& sets() { return *sets_; }

  private:
    /// Where a thread stands.
    struct Standing {
        ByScope<SharedFenced> fenced;      // what its next atomic operation releases
        SharedKnowledge known;             // what is past to it
        ByScope<SharedKnowledge> pending;  // what a fence would make known
    };

    const Standing& of(uint32_t rank) const { return is_apart_[rank] ? standings_[rank] : common_; }
    Standing& apart(uint32_t rank);
    void acquire(uint32_t rank, const ByScope<SharedKnowledge>& knowledge);
    void forget_block();

    Releases* releases_ = nullptr;
    AccessSets* sets_ = nullptr;
    uint32_t block_ = 0;
    bool anything_ = false;        // of this block is here
    Standing common_;              // of the threads that have done nothing of the kind since the last barrier
    std::vector<uint32_t> apart_;  // the others
    std::vector<Standing> standings_;
    std::vector<uint8_t> is_apart_;
};

}  // namespace vitrine::simt
