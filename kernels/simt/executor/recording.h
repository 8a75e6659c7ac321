// The record of one block, as it is made: see record.h.
//
// The threads run one after another, so that each lane's steps are kept until its warp has come to a barrier of the
// block or to its end. Then the n-th accesses by an instruction in each lane are one event, as they are one request
// to Traffic, and the events are put into an order that agrees with each lane's own. Where there is none (lanes that
// went round a loop in different orders), the event that was begun first comes first.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/simt/executor/cell.h"
#include "kernels/simt/executor/grid.h"
#include "kernels/simt/executor/shared_memory.h"
#include "kernels/simt/record.h"
#include "kernels/simt/thread.h"

namespace vitrine::simt {

/// Belongs to one OS thread, while it runs the block that is recorded.
class Recording {
  public:
    Recording(const Grid& grid, SharedMemory& shared);

    /// One lane's access, which is yet to happen.
    void access(uint32_t rank, uintptr_t code, uintptr_t address, uint32_t bytes, Access access, bool shared);

    /// One that the lanes of a warp have passed; `results` and `sources` are by lane.
    void warp_operation(uint32_t warp, uint32_t lanes, WarpOperation operation, Location location,
                        const RecordedWords* results, const uint8_t* sources);

    void finding(uint32_t rank, const Finding& finding);

    /// All lanes of a warp have come to a barrier of the block, or have exited.
    void end_warp(uint32_t warp);
    void pass_barrier(Location location);
    BlockRecord finish();

  private:
    static constexpr uint32_t warp_size = 32;
    static constexpr uint32_t no_event = ~0u;

    using Instruction = std::tuple<uintptr_t, Access, bool>;  // code, access, shared
    /// What a warp has done since its last end.
    struct Warp {
        std::deque<RecordedEvent> events;  // as they were begun
        std::map<std::pair<Instruction, uint32_t>, uint32_t> by_turn;
        std::map<Instruction, uint32_t> turns[warp_size];
        std::vector<uint32_t> steps[warp_size];  // of each lane: the events, in its order
    };

    uint32_t begin_event(uint32_t warp, RecordedKind kind, uint32_t line);
    RecordedEvent& join(uint32_t warp, uint32_t lane, uint32_t event);
    void end_interval(RecordedInterval interval);
    void settle();
    void note_memory(uintptr_t address, bool shared);
    uint32_t line_of(const std::string& where);
    uint32_t line_of(uintptr_t code);
    uint32_t lanes_of(uint32_t warp) const;
    static void count_cost(RecordedEvent& event);

    const Grid& grid_;
    SharedMemory& shared_;
    BlockRecord record_;
    size_t begun_ = 0;  // events
    std::unique_ptr<Warp[]> warps_;
    std::map<std::string, uint32_t> lines_;
    std::map<uintptr_t, uint32_t> line_of_code_;
    RecordedLane* unsettled_ =
        nullptr;  // of the last write: what it wrote is there when the next step begins
    uint8_t unsettled_bytes_ = 0;
    uint64_t multiply_adds_before_;
    size_t interval_begin_ = 0;  // of the events of this interval
};

}  // namespace vitrine::simt
