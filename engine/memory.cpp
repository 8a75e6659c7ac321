// The pool of device memory: see memory.h.

#include "engine/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <mutex>
#include <utility>
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

/// Small tensors are many and take little: each size keeps to its own blocks.
size_t most_for(size_t bytes) {
    constexpr size_t small = size_t{1} << 20;
    return bytes <= small ? bytes : 2 * bytes;
}

struct Block {
    void* memory = nullptr;
    size_t bytes = 0;
};

}  // namespace

/// The pool of a device, or a part of one: what PlannedMemory keeps apart.
class MemoryPool {
  public:
    explicit MemoryPool(Device device, MemoryPool* whole = nullptr) : device_(device), whole_(whole) {}

    Device device() const { return device_; }

    Block take(size_t bytes) {
        const std::lock_guard lock(whole().mutex_);
        Block block = waiting_block(bytes);
        if (block.memory == nullptr) block = {ask_device(bytes), bytes};
        MemoryStatistics& all = whole().statistics_;
        all.bytes_in_use += block.bytes;
        all.bytes_peak = std::max(all.bytes_peak, all.bytes_in_use);
        return block;
    }

    void give_back(const Block& block) {
        const std::lock_guard lock(whole().mutex_);
        MemoryPool& to = dissolved_ ? whole() : *this;
        to.waiting_[block.bytes].push_back(block.memory);
        whole().statistics_.bytes_in_use -= block.bytes;
    }

    /// A part: from now on all of it belongs to the whole.
    void dissolve() {
        const std::lock_guard lock(whole().mutex_);
        dissolved_ = true;
        for (auto& [bytes, blocks] : std::exchange(waiting_, {})) {
            auto& waiting = whole().waiting_[bytes];
            waiting.insert(waiting.end(), blocks.begin(), blocks.end());
        }
    }

    size_t own_requests() {
        const std::lock_guard lock(whole().mutex_);
        return requests_;
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
    MemoryPool& whole() { return whole_ != nullptr ? *whole_ : *this; }

    /// The smallest block that waits and is large enough, if it is not too large; else none. A step's tensors come in
    /// all sizes, one after the other: with blocks of their own, half of the memory would wait.
    Block waiting_block(size_t bytes) {
        for (auto it = waiting_.lower_bound(bytes); it != waiting_.end() && it->first <= most_for(bytes);
             ++it) {
            auto& [size, blocks] = *it;
            if (blocks.empty()) continue;
            void* memory = blocks.back();
            blocks.pop_back();
            return {memory, size};
        }
        return {};
    }

    void* ask_device(size_t bytes) {
        ++requests_;
        MemoryStatistics& all = whole().statistics_;
        ++all.device_requests;
        void* memory = nullptr;
        try {
            memory = runtime(device_).allocate(bytes);
        } catch (const Error&) {
            whole().release_waiting();  // a part is planned, and stays
            try {
                memory = runtime(device_).allocate(bytes);
            } catch (const Error& error) {
                throw Error(
                    fmt::format("{}; {} bytes are in use by tensors: try a smaller batch size or image size",
                                error.what(), all.bytes_in_use));
            }
        }
        all.bytes_held += bytes;
        return memory;
    }

    Device device_;
    MemoryPool* whole_;  // null: this is
    bool dissolved_ = false;
    size_t requests_ = 0;  // of this part to the device
    std::map<size_t, std::vector<void*>> waiting_;
    // Of the whole:
    std::mutex mutex_;
    MemoryStatistics statistics_;
};

namespace {

/// Pools live to the end of the program: tensors in static variables may outlive any other owner.
MemoryPool& pool(Device device) {
    static std::array<MemoryPool*, all_devices.size()> pools = [] {
        std::array<MemoryPool*, all_devices.size()> made{};
        for (Device each : all_devices) made[static_cast<size_t>(each)] = new MemoryPool(each);
        return made;
    }();
    return *pools[static_cast<size_t>(device)];
}

thread_local bool shapes_only = false;
thread_local std::shared_ptr<MemoryPool> planned;  // null: no Use lives

}  // namespace

PlannedMemory::PlannedMemory(Device device) : pool_(std::make_shared<MemoryPool>(device, &pool(device))) {}
PlannedMemory::~PlannedMemory() { pool_->dissolve(); }
size_t PlannedMemory::device_requests() const { return pool_->own_requests(); }

PlannedMemory::Use::Use(const PlannedMemory& memory) : before_(std::exchange(planned, memory.pool_)) {}
PlannedMemory::Use::~Use() { planned = before_; }

ShapesOnly::ShapesOnly() { shapes_only = true; }
ShapesOnly::~ShapesOnly() { shapes_only = false; }

std::shared_ptr<void> allocate(Device device, size_t bytes) {
    if (shapes_only) return nullptr;
    if (planned != nullptr && planned->device() == device) {
        const Block block = planned->take(size_class(bytes));
        return {block.memory, [part = planned, block](void*) { part->give_back(block); }};
    }
    const Block block = pool(device).take(size_class(bytes));
    return {block.memory, [device, block](void*) { pool(device).give_back(block); }};
}

bool reads_host_memory(Device device) { return runtime(device).reads_host_memory; }

size_t free_memory(Device device) { return runtime(device).free_bytes(); }

MemoryStatistics memory_statistics(Device device) { return pool(device).statistics(); }

void release_pooled_memory(Device device) { pool(device).release_pooled(); }

}  // namespace vitrine
