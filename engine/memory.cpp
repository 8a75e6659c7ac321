// The pool of device memory: see memory.h.

#include "engine/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <mutex>
#include <vector>

#include "engine/error.h"
#include "kernels/runtime.h"

namespace vitrine {
namespace {

/// Sizes are rounded up to eight steps between powers of two: at most an eighth is wasted, and shapes that
/// differ slightly share blocks.
size_t size_class(size_t bytes) {
    constexpr size_t smallest = 512;
    if (bytes <= smallest) return smallest;
    const size_t step = std::bit_floor(bytes - 1) / 8;
    return (bytes + step - 1) / step * step;
}

class Pool {
  public:
    explicit Pool(Device device) : device_(device) {}

    void* take(size_t bytes) {
        const std::lock_guard lock(mutex_);
        auto& waiting = waiting_[bytes];
        void* memory = nullptr;
        if (waiting.empty()) {
            memory = ask_device(bytes);
        } else {
            memory = waiting.back();
            waiting.pop_back();
        }
        statistics_.bytes_in_use += bytes;
        statistics_.bytes_peak = std::max(statistics_.bytes_peak, statistics_.bytes_in_use);
        return memory;
    }

    void give_back(void* memory, size_t bytes) {
        const std::lock_guard lock(mutex_);
        waiting_[bytes].push_back(memory);
        statistics_.bytes_in_use -= bytes;
    }

    void release_waiting() {
        for (auto& [bytes, blocks] : waiting_) {
            for (void* memory : blocks) runtime(device_).release(memory);
            statistics_.bytes_held -= bytes * blocks.size();
            blocks.clear();
        }
    }

    MemoryStatistics statistics() {
        const std::lock_guard lock(mutex_);
        return statistics_;
    }

    void release_pooled() {
        const std::lock_guard lock(mutex_);
        release_waiting();
    }

  private:
    void* ask_device(size_t bytes) {
        ++statistics_.device_requests;
        void* memory = nullptr;
        try {
            memory = runtime(device_).allocate(bytes);
        } catch (const Error&) {
            release_waiting();
            try {
                memory = runtime(device_).allocate(bytes);
            } catch (const Error& error) {
                throw Error(
                    fmt::format("{}; {} bytes are in use by tensors: try a smaller batch size or image size",
                                error.what(), statistics_.bytes_in_use));
            }
        }
        statistics_.bytes_held += bytes;
        return memory;
    }

    Device device_;
    std::mutex mutex_;
    std::map<size_t, std::vector<void*>> waiting_;
    MemoryStatistics statistics_;
};

/// Pools live to the end of the program: tensors in static variables may outlive any other owner.
Pool& pool(Device device) {
    static std::array<Pool*, all_devices.size()> pools = [] {
        std::array<Pool*, all_devices.size()> made{};
        for (Device each : all_devices) made[static_cast<size_t>(each)] = new Pool(each);
        return made;
    }();
    return *pools[static_cast<size_t>(device)];
}

thread_local bool shapes_only = false;

}  // namespace

ShapesOnly::ShapesOnly() { shapes_only = true; }
ShapesOnly::~ShapesOnly() { shapes_only = false; }

std::shared_ptr<void> allocate(Device device, size_t bytes) {
    if (shapes_only) return nullptr;
    const size_t rounded = size_class(bytes);
    return {pool(device).take(rounded),
            [device, rounded](void* memory) { pool(device).give_back(memory, rounded); }};
}

bool reads_host_memory(Device device) { return runtime(device).reads_host_memory; }

size_t free_memory(Device device) { return runtime(device).free_bytes(); }

MemoryStatistics memory_statistics(Device device) { return pool(device).statistics(); }

void release_pooled_memory(Device device) { pool(device).release_pooled(); }

}  // namespace vitrine
