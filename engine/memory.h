// Device memory that is reused: blocks that are freed wait in a pool for the next request that they suit, of their own
// size or, beyond a mebibyte, down to half of it.
//
// A training step asks for the same sizes in the same order again and again, so after the first steps every
// request is served from the pool: no allocation growth, and on a CPU no page faults.
#pragma once

#include <cstddef>
#include <memory>

#include "kernels/device.h"

namespace vitrine {

class MemoryPool;

/// Uninitialised device memory of at least `bytes`; it returns to the pool when the last owner lets go.
/// Throws Error that says how much was asked for and held if the device has no room, after giving all pooled
/// blocks back.
std::shared_ptr<void> allocate(Device device, size_t bytes);

/// While it lives, this thread's requests are answered with no memory at all: what is then built has the
/// shapes of a model, and costs nothing.
class ShapesOnly {
  public:
    ShapesOnly();
    ~ShapesOnly();
    ShapesOnly(const ShapesOnly&) = delete;
    ShapesOnly& operator=(const ShapesOnly&) = delete;
};

/// Memory that is planned once, for work that finds its own addresses again: a step that is recorded as a graph
/// (kernels/graph.h). While a Use lives, this thread's requests on the device are answered from here, and what is given
/// back waits here, for the next Use and for nobody else. Once a Use has asked for the same sizes in the same order without
/// a request to the device, every later one does.
class PlannedMemory {
  public:
    explicit PlannedMemory(Device device);
    /// What waits goes to the device's pool, and what is still in use goes there when it is given back.
    ~PlannedMemory();
    PlannedMemory(const PlannedMemory&) = delete;
    PlannedMemory& operator=(const PlannedMemory&) = delete;

    /// How often the device was asked for it.
    size_t device_requests() const;

    class Use {
      public:
        explicit Use(const PlannedMemory& memory);
        ~Use();
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;

      private:
        std::shared_ptr<MemoryPool> before_;
    };

  private:
    std::shared_ptr<MemoryPool> pool_;
};

/// Whether kernels of the device read the host's memory as their own, so that nothing need be copied to it.
bool reads_host_memory(Device device);

/// What the device could still give, about; pooled blocks count as given.
size_t free_memory(Device device);

struct MemoryStatistics {
    size_t bytes_in_use = 0;     // handed out
    size_t bytes_held = 0;       // handed out or pooled
    size_t bytes_peak = 0;       // the most that was in use at once
    size_t device_requests = 0;  // how often the device itself was asked
};

MemoryStatistics memory_statistics(Device device);

/// Gives the pooled blocks back to the device.
void release_pooled_memory(Device device);

}  // namespace vitrine
