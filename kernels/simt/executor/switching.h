// The shortest ways from one thread of a block to the next: in every barrier and warp operation, so they are inline.
#pragma once

#include <stdexcept>

#include "kernels/simt/executor/block.h"

namespace vitrine::simt {

inline void BlockRunner::select(uint32_t rank) {
    const Thread& thread = threads_[rank];
    threadIdx = thread.index;
    now_.rank = rank;
    now_.lane_bit = 1u << rank % warp_size;
    now_.when = now_.block_begin + (thread.clock > now_.interval_start ? thread.clock : now_.interval_start);
    now_.clocks = &clocks_[rank / warp_size];
    now_.set_before = now_.set_after = 0;
}

/// Hands over to a thread that may go on, or else to one that has not started. If there is neither, the
/// scheduler finds out why.
inline void BlockRunner::wait() {
    Fiber& own = *threads_[now_.rank].fiber;
    if (ready_count_ != 0 && !abandoned_) {
        const uint32_t next = take_ready();
        select(next);
        Fiber& other = *threads_[next].fiber;
        if (&other != &own) own.switch_to(other);
    } else if (next_ < count_ && !abandoned_) {
        own.switch_to(idle_fiber());
    } else {
        own.suspend();
    }
}

inline uint32_t BlockRunner::take_ready() {
    const uint32_t rank = ready_[first_ready_];
    if (++first_ready_ == count_) first_ready_ = 0;
    if (--ready_count_ != 0) threads_[ready_[first_ready_]].fiber->expect();
    return rank;
}

inline void BlockRunner::make_ready(uint32_t rank) {
    uint32_t place = first_ready_ + ready_count_++;
    if (place >= count_) place -= count_;
    ready_[place] = rank;
}

/// The block of the thread that is running.
inline BlockRunner& running() {
    if (running_block == nullptr) throw std::logic_error("a CUDA word was used outside of a kernel");
    return *running_block;
}

}  // namespace vitrine::simt
