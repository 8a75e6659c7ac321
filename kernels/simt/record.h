// What one block of one launch did, request by request, in the order of each warp: what a film of a kernel is made
// of (lab/inspect).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/simt/vector_types.h"

namespace vitrine::simt {

struct RecordRequest {
    uint64_t launch = 0;  // of those that are to come: 0 is the next
    uint3 block{};        // its place in the grid
    size_t most_events = 20'000;
};

enum class RecordedKind : uint8_t {
    // A request: one execution of an instruction by a warp's lanes.
    read,
    write,
    atomic,
    // What the lanes do together.
    sync,
    shuffle,
    ballot,
    all,
    any,
    multiply,
    load_matrices,
    // A finding is made.
    finding,
};

const char* name_of(RecordedKind kind);

using RecordedWords = std::array<uint32_t, 4>;

/// One lane's part in an event.
struct RecordedLane {
    uint64_t address = 0;   // of a request
    RecordedWords words{};  // what it read, wrote, left there atomically, or was given by the others
    uint8_t source = 0;     // the lane that a shuffle's value comes from
};

/// What a request costs: see LineTraffic, whose sums these add up to.
struct RequestCost {
    uint32_t sectors = 0;
    uint32_t ideal_sectors = 0;
    uint32_t passes = 0;
    uint32_t ideal_passes = 0;
};

struct RecordedEvent {
    RecordedKind kind = RecordedKind::read;
    bool shared = false;  // of a request: shared memory, else global
    uint8_t bytes = 0;    // of a request: of each lane
    uint16_t warp = 0;
    uint32_t interval = 0;
    uint32_t line = 0;      // of BlockRecord::lines
    uint32_t lanes = 0;     // that take part: a bit each
    uint32_t of_lanes = 0;  // that the warp has
    uint32_t finding = 0;   // of BlockRecord::findings
    RequestCost cost;
    std::array<RecordedLane, 32> by_lane{};  // those that take part

    bool is_request() const { return kind <= RecordedKind::atomic; }
};

/// What lies between two barriers of the block, or its beginning or end.
struct RecordedInterval {
    bool at_barrier = false;  // whether a barrier ends it
    uint32_t line = 0;        // of that barrier
    uint64_t fused_multiply_adds = 0;
};

/// A buffer of the device, or a variable of shared memory.
struct RecordedMemory {
    uint64_t address = 0;
    uint64_t bytes = 0;
    bool shared = false;
    std::string name;  // of shared memory: as findings name it
};

struct RecordedFinding {
    std::string kind;
    std::string where;
    std::string message;
    uint3 thread{};
    uint64_t times = 1;  // by this block
};

struct BlockRecord {
    std::string kernel;
    dim3 grid;
    dim3 block;
    uint3 place{};                       // of the block in the grid
    std::vector<std::string> lines;      // "kernels/cuda/add.cu:31"
    std::vector<RecordedMemory> memory;  // that was accessed, by address
    std::vector<RecordedInterval> intervals;
    std::vector<RecordedFinding> findings;
    // By interval; within one by warp; of a warp in an order that agrees with each lane's own as far as one does.
    std::vector<RecordedEvent> events;
    uint64_t left_out = 0;  // accesses by single lanes and warp operations beyond the most events
};

/// From the next launch on. The launch that is recorded runs on one OS thread, and is checked and counted whatever
/// the Settings say.
void record_block(const RecordRequest& request);

/// Ends the recording. Nothing if there was no such launch, if its grid has no such block, or if its kernel was
/// compiled without the hooks.
std::optional<BlockRecord> take_record();

}  // namespace vitrine::simt
