// What a GPU's memory system would see: the accesses of a warp's lanes, put together into requests.
//
// The threads run one after another, so each lane's accesses are kept, and when all lanes of its warp have
// come to a barrier of the block or to their end, the n-th accesses by an instruction in each lane become one
// request. Global memory answers in sectors of 32 bytes. Shared memory has 32 banks, 4 bytes wide: a request
// of 4 bytes a lane takes one pass if no two lanes need different words of one bank; 8 bytes a lane are
// served by half-warps, 16 by quarter-warps.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/simt/executor/cell.h"
#include "kernels/simt/executor/grid.h"
#include "kernels/simt/executor/recording.h"
#include "kernels/simt/executor/sectors.h"

namespace vitrine::simt {

/// Belongs to one OS thread.
class Traffic {
  public:
    void begin_launch(const Grid& grid);

    /// Of the block that is running; null for the many that nobody records.
    void set_recording(Recording* recording) { recording_ = recording; }

    /// One lane's access.
    void add(uint32_t rank, uintptr_t code, uintptr_t address, uint32_t bytes, Access access, bool shared);

    void end_warp(uint32_t warp);
    void end_block();

    std::vector<LineTraffic> take_lines();
    const SectorSet& sectors() const { return sectors_; }

  private:
    static constexpr uint32_t warp_size = 32;
    static constexpr uint32_t chunk_requests = 16;

    struct Request {
        uint32_t lanes = 0;
        uintptr_t addresses[warp_size];
    };
    /// Requests by one instruction of one warp, one after another.
    struct Chunk {
        Request requests[chunk_requests];
    };
    struct Instruction {
        uintptr_t code;
        bool shared;
        Access access;
        uint8_t bytes;
        LineTraffic sums;
        uint32_t turns[most_threads] = {};  // of each thread: executions since its warp's last end
        std::vector<Chunk*> chunks[most_threads / warp_size];  // of each warp
    };

    Instruction& instruction(uintptr_t code, bool shared, Access access, uint32_t bytes);
    Instruction& find_instruction(uintptr_t code, bool shared, Access access, uint32_t bytes);
    Chunk* take_chunk();
    void count_request(Instruction& instruction, const Request& request, uint32_t running);
    RequestCost count_sectors(const Instruction& instruction, const Request& request);

    uint32_t threads_ = 0;  // of a block
    SectorSet sectors_;     // of global memory, in the whole launch
    Recording* recording_ = nullptr;
    std::vector<std::unique_ptr<Instruction>> instructions_;
    // What was found last for a code and a kind of memory; a collision only costs a search.
    static constexpr uint32_t found_count = 1024;
    Instruction* found_[found_count] = {};
    std::vector<std::unique_ptr<Chunk>> chunks_;
    std::vector<Chunk*> free_chunks_;
};

}  // namespace vitrine::simt
