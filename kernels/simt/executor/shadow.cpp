// The race rule, and the pages it is kept in.

#include "kernels/simt/executor/shadow.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "kernels/simt/executor/device_memory.h"

namespace vitrine::simt {
namespace {

constexpr unsigned warp_size = 32;
constexpr uint32_t nobody = 0;

unsigned lane_of(const Stamp& stamp) { return stamp.thread % warp_size; }
unsigned warp_of(const Stamp& stamp) { return stamp.thread / warp_size; }

bool same_interval(const Stamp& a, const Stamp& b) { return a.block == b.block && a.barrier == b.barrier; }

bool from_this_launch(const Stamp& stamp, const Accessor& accessor) {
    return stamp.block != nobody && stamp.block >= accessor.first_block;
}

/// Whether lane `lane` of the accessor's warp, at `clock`, is known to be past.
bool lane_is_past(unsigned lane, uint32_t clock, const Accessor& accessor) {
    const unsigned own = lane_of(accessor.stamp);
    return lane == own || accessor.clocks->clock[own][lane] >= clock;
}

bool ordered(const Stamp& earlier, const Accessor& accessor) {
    if (!from_this_launch(earlier, accessor)) return true;
    const Stamp& now = accessor.stamp;
    if (earlier.block != now.block) return false;
    if (earlier.barrier != now.barrier) return true;
    if (earlier.thread == now.thread) return true;
    return warp_of(earlier) == warp_of(now) && lane_is_past(lane_of(earlier), earlier.clock, accessor);
}

bool all_past(uint32_t lanes, uint32_t clock, const Accessor& accessor) {
    for (unsigned lane = 0; lane < warp_size; ++lane) {
        if ((lanes >> lane & 1u) != 0 && !lane_is_past(lane, clock, accessor)) return false;
    }
    return true;
}

bool shared_ordered(const Cell& cell, const Accessor& accessor) {
    const Stamp& shared = cell.shared;
    if (!from_this_launch(shared, accessor)) return true;
    if (shared.block != accessor.stamp.block) return false;
    if (shared.barrier != accessor.stamp.barrier) return true;
    if (shared.many_warps != 0) return false;
    if (warp_of(shared) != warp_of(accessor.stamp)) return false;
    return all_past(cell.lanes, shared.clock, accessor);
}

/// Adds an access to others of its kind.
void join_shared(Cell& cell, const Accessor& accessor) {
    Stamp& shared = cell.shared;
    const Stamp& now = accessor.stamp;
    const uint32_t own_bit = 1u << lane_of(now);
    if (from_this_launch(shared, accessor) && shared.block != now.block) {
        shared.block = accessor.first_block;
        return;
    }
    if (same_interval(shared, now)) {
        if (shared.many_warps != 0) return;
        if (warp_of(shared) != warp_of(now)) {
            shared.many_warps = 1;
            return;
        }
        // Lanes at one clock are kept together. Where clocks differ (partial masks) the newest is kept: a
        // race with an older one may go unseen, but none is invented.
        if (shared.clock == now.clock) {
            cell.lanes |= own_bit;
            return;
        }
    }
    shared = now;
    cell.lanes = own_bit;
}

}  // namespace

WarpClocks::WarpClocks() {
    for (unsigned lane = 0; lane < warp_size; ++lane) clock[lane][lane] = 1;
}

void WarpClocks::join(unsigned lanes) {
    std::array<uint32_t, warp_size> joined{};
    for (unsigned lane = 0; lane < warp_size; ++lane) {
        if ((lanes >> lane & 1u) == 0) continue;
        for (unsigned other = 0; other < warp_size; ++other) {
            joined[other] = std::max(joined[other], clock[lane][other]);
        }
    }
    // One new clock for all, so that lanes that synchronise together stay together.
    const uint32_t next = *std::ranges::max_element(joined) + 1;
    latest = std::max(latest, next);
    for (unsigned lane = 0; lane < warp_size; ++lane) {
        if ((lanes >> lane & 1u) == 0) continue;
        clock[lane] = joined;
        clock[lane][lane] = next;
    }
}

std::optional<Stamp> enter(Cell& cell, Access access, const Accessor& accessor) {
    const bool same_kind = access != Access::write && cell.shared.atomic == accessor.stamp.atomic;
    std::optional<Stamp> conflict;
    const bool both_atomic = access == Access::atomic && cell.write.atomic != 0;
    if (!both_atomic && !ordered(cell.write, accessor)) conflict = cell.write;
    if (!conflict && !same_kind && !shared_ordered(cell, accessor)) conflict = cell.shared;
    if (access == Access::write) {
        cell.write = accessor.stamp;
        cell.shared = Stamp{};
        return conflict;
    }
    if (!same_kind) {
        // What was shared until now is over. Atomics have written: they stay, as one of them.
        if (cell.shared.atomic != 0) cell.write = cell.shared;
        cell.shared = Stamp{};
    }
    join_shared(cell, accessor);
    return conflict;
}

void Cells::split() {
    std::vector<Cell> bytes(bytes_);
    for (size_t i = 0; i < bytes_; ++i) bytes[i] = cells_[i / 4];
    cells_ = std::move(bytes);
    by_word_ = false;
}

GlobalShadow& GlobalShadow::instance() {
    static GlobalShadow shadow;
    return shadow;
}

GlobalShadow::GlobalShadow() {
    const size_t bytes = DeviceMemory::capacity / page_bytes * sizeof(std::atomic<Page*>);
    void* memory =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    pages_ = static_cast<std::atomic<Page*>*>(memory);  // zero bytes: null pointers
}

GlobalShadow::~GlobalShadow() { forget_all(); }

GlobalShadow::Page& GlobalShadow::touch(size_t page) {
    std::atomic<Page*>& slot = pages_[page];
    if (Page* existing = slot.load(std::memory_order_acquire); existing != nullptr) return *existing;
    const std::lock_guard lock(mutex_);
    if (Page* existing = slot.load(std::memory_order_acquire); existing != nullptr) return *existing;
    made_.insert(page);
    slot.store(std::make_unique<Page>().release(), std::memory_order_release);
    return *slot.load(std::memory_order_relaxed);
}

void GlobalShadow::forget(size_t offset, size_t bytes) {
    const std::lock_guard lock(mutex_);
    const size_t first_page = (offset + page_bytes - 1) / page_bytes;
    const size_t end_page = (offset + bytes) / page_bytes;
    if (first_page >= end_page) return;
    const auto end = made_.lower_bound(end_page);
    for (auto page = made_.lower_bound(first_page); page != end; page = made_.erase(page)) {
        delete pages_[*page].exchange(nullptr, std::memory_order_acq_rel);
    }
}

void GlobalShadow::forget_all() { forget(0, DeviceMemory::capacity); }

}  // namespace vitrine::simt
