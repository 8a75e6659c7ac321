// What a GPU's memory system would see: the accesses of a warp's lanes, put together into requests.
//
// The threads run one after another, so each lane's accesses are logged, and when its block passes a barrier
// or ends, the n-th access by an instruction in each lane of a warp become one request. Global memory answers
// in sectors of 32 bytes. Shared memory has 32 banks, 4 bytes wide: a request of 4 bytes a lane takes one
// pass if no two lanes need different words of one bank; 8 bytes a lane are served by half-warps, 16 by
// quarter-warps.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "kernels/simt/executor/grid.h"
#include "kernels/simt/executor/sectors.h"
#include "kernels/simt/executor/shadow.h"

namespace vitrine::simt {

/// Belongs to one OS thread.
class Traffic {
  public:
    void begin_launch(const Grid& grid);

    /// One lane's access, in the interval between two barriers that it was made in.
    void add(uint32_t rank, uint32_t interval, uintptr_t code, uintptr_t address, uint32_t bytes,
             Access access, bool shared);
    void end_block();

    std::vector<LineTraffic> take_lines();
    const SectorSet& sectors() const { return sectors_; }

  private:
    struct Logged {
        uintptr_t code;
        uintptr_t address;
        uint32_t turn;  // which execution of the instruction by this thread in this interval
        uint16_t rank;
        uint8_t bytes;
        Access access;
        bool shared;
    };

    void flush();
    void count_request(std::span<const Logged> lanes, unsigned running);

    uint32_t interval_ = 0;
    std::vector<Logged> log_;
    std::vector<std::map<uintptr_t, uint32_t>> turns_;  // of each thread: executions of each instruction
    SectorSet sectors_;                                 // of global memory, in the whole launch
    std::map<std::pair<uintptr_t, bool>, LineTraffic> lines_;  // by instruction and whether it writes
};

}  // namespace vitrine::simt
