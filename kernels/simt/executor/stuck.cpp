// Explaining a block in which every thread has exited or waits.

#include <fmt/format.h>

#include "kernels/simt/executor/block.h"
#include "kernels/simt/executor/indices.h"
#include "kernels/simt/executor/names.h"
#include "kernels/simt/executor/recording.h"
#include "kernels/simt/executor/symbols.h"

namespace vitrine::simt {

void BlockRunner::report(FindingKind kind, uint32_t rank, std::string where, std::string message) {
    Finding finding{kind, blockIdx, threads_[rank].index, std::move(where), std::move(message)};
    if (recording_ != nullptr) recording_->finding(rank, finding);
    grid_->add(std::move(finding));
}

std::string BlockRunner::what_lane_does(uint32_t rank) const {
    if (rank >= count_) return "does not exist: the block's last warp is not full";
    const Thread& thread = threads_[rank];
    switch (thread.state) {
        case State::exited:
            return "has exited";
        case State::at_block_barrier:
            return fmt::format("waits at {} ({})", name_of(thread.barrier), source_line(thread.location));
        case State::at_warp_operation:
            return fmt::format("waits in {} with mask {:#010x} ({})", name_of(thread.request.operation),
                               thread.request.mask, source_line(thread.location));
        default:
            return "does not take part";
    }
}

void BlockRunner::report_stuck() {
    for (uint32_t rank = 0; rank < count_; ++rank) {
        const Thread& thread = threads_[rank];
        if (thread.state != State::at_warp_operation) continue;
        const uint32_t base = rank / 32 * 32;
        for (uint32_t other = base; other < base + 32 && other < count_; ++other) {
            const Thread& missing = threads_[other];
            const bool named = (thread.request.mask >> (other - base) & 1u) != 0;
            const bool comes_along =
                missing.state == State::at_warp_operation && together(missing.request, thread.request);
            if (!named || comes_along || missing.state == State::exited) continue;
            report(FindingKind::deadlock, rank, source_line(thread.location),
                   fmt::format("waits in {} with mask {:#010x} for lane {}, which {}",
                               name_of(thread.request.operation), thread.request.mask, other - base,
                               what_lane_does(other)));
            return;
        }
    }
    uint32_t gone = 0;
    while (threads_[gone].state != State::exited) ++gone;
    uint32_t waiting = 0;
    while (threads_[waiting].state != State::at_block_barrier) ++waiting;
    report(FindingKind::barrier_divergence, waiting, source_line(threads_[waiting].location),
           fmt::format("waits at {}, which {} of {} threads never reach: thread {} has exited",
                       name_of(threads_[waiting].barrier), exited_, count_, shown(threads_[gone].index)));
}

}  // namespace vitrine::simt
