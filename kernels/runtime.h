// What a device does beside kernels: memory and copies. One struct of functions per device.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/device.h"

namespace vitrine {

/// What kernels/graph.h is made of; nothing but `problem` where there is one.
struct GraphFunctions {
    const char* problem;  // why the device has no graphs, as a clause; null: it has
    void (*begin)();
    /// The graph, and how many kernels it runs. The capture is over, whatever comes of it.
    void* (*end)(uint64_t& kernels);
    void (*abandon)();
    void (*launch)(void* graph, uint64_t kernels);
    void (*release)(void* graph);
};

/// Pinned memory of the host, which copies read by themselves when their turn comes. All functions are null where kernels read the
/// host's memory: nothing is copied there. Any thread may call all but `send`.
struct PinnedFunctions {
    void* (*allocate)(size_t bytes);  // null where the host has no more of it
    void (*release)(void* memory);
    /// So many bytes of a block from `first` on: it must stay as it is until wait() has returned.
    void (*send)(void* to, const void* memory, size_t first, size_t bytes);
    void (*wait)(const void* memory);
};

/// What kernels/input_lane.h is made of. All null where a device does one thing at a time.
struct LaneFunctions {
    void (*open)();
    void (*close)();
    void (*join)();
};

/// All sizes are in bytes. Memory is aligned to 256 bytes. Copies are ordered with the kernels around them
/// and, as far as the host can tell, complete on return. Where a kernel has gone wrong on the device,
/// whichever call comes next throws DeviceFault, and so do all after it.
struct Runtime {
    void* (*allocate)(size_t bytes);  // throws Error that says how much was asked for, if there is no room
    void (*release)(void* memory);
    void (*copy_from_host)(void* to, const void* from_host, size_t bytes);
    void (*copy_to_host)(void* to_host, const void* from, size_t bytes);
    void (*copy)(void* to, const void* from, size_t bytes);
    void (*zero)(void* memory, size_t bytes);
    size_t (*free_bytes)();  // what could still be allocated, about
    void (*synchronise)();   // waits for everything that the device was asked for
    bool reads_host_memory;  // kernels may be given memory of the host, whoever allocated it
    GraphFunctions graphs;
    PinnedFunctions pinned;
    LaneFunctions input_lane;
};

/// Throws Error if this program was built without the device.
const Runtime& runtime(Device device);

}  // namespace vitrine
