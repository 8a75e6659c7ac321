// What the executor found and counted in one launch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/simt/vector_types.h"

namespace vitrine::simt {

enum class FindingKind : uint8_t {
    barrier_divergence,    // not every thread of the block comes to the same barrier
    deadlock,              // threads wait for each other for ever
    inactive_lane,         // a warp operation reads from, or is asked by, a lane that does not take part
    unrounded_tf32,        // a matrix product of tf32 is given more than its 10 bits of mantissa
    out_of_bounds,         // an access outside every live buffer, or outside dynamic shared memory
    misaligned,            // an access whose address is not a multiple of its size
    host_memory,           // an access to memory that is not the device's
    uninitialised_shared,  // a read of shared memory that no thread of this block has written
    copy_in_flight,        // an access to what a thread copies asynchronously and has not waited for
    shared_race,           // two threads, at least one writes, and nothing orders them
    global_race,
    read_only_written,  // memory that is read through ReadOnly or __ldg is written by the same launch
    too_much_shared,    // static and dynamic shared memory together are more than a launch may have
    broken_canary,      // the bytes around a buffer were overwritten by an access that was not seen
};

const char* name_of(FindingKind kind);

/// One defect, at one place in the source, with the first thread that showed it.
struct Finding {
    FindingKind kind;
    uint3 block;
    uint3 thread;
    std::string where;    // as source_line of executor/symbols.h: "kernels/cuda/relu.cu:31"
    std::string message;  // one clause: what is wrong
    uint64_t times = 1;   // how often it was seen at this place
};

/// Requests by one way through the source, "kernels/cuda/add.cu:31 > gpu.h:60". A request is what a warp's lanes access in one
/// execution of an instruction.
struct LineTraffic {
    std::string where;
    bool shared = false;  // else global
    bool write = false;
    uint64_t requests = 0;
    uint64_t bytes = 0;
    uint64_t sectors = 0;        // global: 32-byte sectors touched
    uint64_t ideal_sectors = 0;  // global: the fewest sectors that hold the distinct bytes asked for
    uint64_t passes = 0;        // shared: times that the 32 banks must be read; more than ideal is a conflict
    uint64_t ideal_passes = 0;  // shared: passes without any conflict
    uint64_t partial = 0;       // requests in which not every running lane of the warp takes part
};

struct LaunchReport {
    std::string kernel;
    dim3 grid;
    dim3 block;
    size_t shared_bytes = 0;  // dynamic
    // Static: all variables that the launch touched. Known where the kernel file was compiled with the hooks
    // and Settings::check is on.
    size_t static_shared_bytes = 0;
    std::vector<Finding> findings;

    // Always counted, in the blocks that were run.
    uint64_t blocks_run = 0;            // all, or Settings::most_blocks
    uint64_t barriers = 0;              // times a block passed a barrier
    uint64_t warp_operations = 0;       // times a group of lanes passed one
    uint64_t fused_multiply_adds = 0;   // calls of __fmaf_rn and __fma_rn: two floating-point operations each
    uint64_t tensor_multiply_adds = 0;  // of matrix products: the same, each
    // Counted where the kernel file was compiled with the hooks and Settings::check is on.
    uint64_t global_bytes_read = 0;  // asked for, every access counted
    uint64_t global_bytes_written = 0;
    uint64_t shared_bytes_read = 0;
    uint64_t shared_bytes_written = 0;
    // Filled if Settings::count_traffic is on too. Different 32-byte sectors of global memory, each counted
    // once in the whole launch however often it is accessed: 32 times these is what a perfect cache would
    // move. An atomic counts as both.
    uint64_t distinct_sectors_read = 0;
    uint64_t distinct_sectors_written = 0;
    // Filled if Settings::count_traffic is on too; ordered by source line.
    std::vector<LineTraffic> traffic;
};

/// The sentence that an Error says: the first finding with kernel, block, thread and place, and how many
/// more.
std::string describe(const LaunchReport& report);

}  // namespace vitrine::simt
