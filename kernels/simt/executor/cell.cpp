// The race rule in full.

#include "kernels/simt/executor/cell.h"

#include <algorithm>

namespace vitrine::simt {
namespace {

constexpr uint32_t warp_size = 32;

uint32_t thread_of(uint16_t who) { return who & who_thread; }
uint32_t clock_of(Stamp stamp) { return static_cast<uint32_t>(stamp); }
bool same_warp(uint32_t a, uint32_t b) { return a / warp_size == b / warp_size; }

/// Whether lane `lane` of the running thread's warp, at `clock`, is known to be past.
bool lane_is_past(uint32_t lane, uint32_t clock, const Now& now) {
    const uint32_t own = now.rank % warp_size;
    return lane == own || now.clocks->known[own][lane] >= clock;
}

bool write_ordered(const Cell& cell, const Now& now) {
    if (now.ordered_by_barriers(cell.write)) return true;
    if (!now.of_this_block(cell.write)) return false;
    const uint32_t thread = thread_of(cell.write_who);
    return same_warp(thread, now.rank) && lane_is_past(thread % warp_size, clock_of(cell.write), now);
}

bool shared_ordered(const Cell& cell, const Now& now) {
    if (now.ordered_by_barriers(cell.shared)) return true;
    if (!now.of_this_block(cell.shared) || (cell.shared_who & who_many_warps) != 0) return false;
    if (!same_warp(thread_of(cell.shared_who), now.rank)) return false;
    for (uint32_t left = cell.lanes; left != 0; left &= left - 1) {
        const auto lane = static_cast<uint32_t>(__builtin_ctz(left));
        if (!lane_is_past(lane, clock_of(cell.shared), now)) return false;
    }
    return true;
}

/// Adds an access to others of its kind.
void join_shared(Cell& cell, const Now& now, uint16_t who, uint32_t code) {
    const bool together = !now.ordered_by_barriers(cell.shared);
    if (together && !now.of_this_block(cell.shared)) {
        cell.shared = now.past;
        return;
    }
    if (together) {
        if ((cell.shared_who & who_many_warps) != 0) return;
        if (!same_warp(thread_of(cell.shared_who), now.rank)) {
            cell.shared_who |= who_many_warps;
            return;
        }
        // Lanes at one clock are kept together. Where clocks differ (partial masks) the newest is kept: a
        // race with an older one may go unseen, but none is invented.
        if (cell.shared == now.when) {
            cell.lanes |= now.lane_bit;
            return;
        }
    }
    cell.shared = now.when;
    cell.shared_who = who;
    cell.shared_code = code;
    cell.lanes = now.lane_bit;
}

Earlier earlier_of(Stamp stamp, uint16_t who, uint32_t code) {
    return {static_cast<uint32_t>(stamp / block_unit), thread_of(who), code};
}

}  // namespace

uint32_t WarpClocks::join(uint32_t lanes, uint32_t interval_start) {
    uint32_t joined[warp_size] = {};
    for (uint32_t lane = 0; lane < warp_size; ++lane) {
        if ((lanes >> lane & 1u) == 0) continue;
        for (uint32_t other = 0; other < warp_size; ++other) {
            joined[other] = std::max(joined[other], known[lane][other]);
        }
        // Lanes that have not synchronised since the barrier are at its clock.
        joined[lane] = std::max(joined[lane], interval_start);
    }
    const uint32_t next = *std::max_element(joined, joined + warp_size) + 1;
    for (uint32_t lane = 0; lane < warp_size; ++lane) {
        if ((lanes >> lane & 1u) == 0) continue;
        std::copy(joined, joined + warp_size, known[lane]);
        known[lane][lane] = next;
    }
    return next;
}

std::optional<Earlier> enter(Cell& cell, Access access, const Now& now, uint32_t code) {
    const uint16_t atomic_flag = access == Access::atomic ? who_atomic : uint16_t{0};
    const auto who = static_cast<uint16_t>(now.rank | atomic_flag);
    const bool same_kind = access != Access::write && (cell.shared_who & who_atomic) == atomic_flag;
    const bool both_atomic = access == Access::atomic && (cell.write_who & who_atomic) != 0;
    std::optional<Earlier> conflict;
    if (!both_atomic && !write_ordered(cell, now)) {
        conflict = earlier_of(cell.write, cell.write_who, cell.write_code);
    } else if (!same_kind && !shared_ordered(cell, now)) {
        conflict = earlier_of(cell.shared, cell.shared_who, cell.shared_code);
    }
    if (access == Access::write) {
        cell.write = now.when;
        cell.write_who = who;
        cell.write_code = code;
        cell.shared = 0;
        cell.shared_who = 0;
        return conflict;
    }
    if (!same_kind) {
        // What was shared until now is over. Atomics have written: they stay, as one of them.
        if ((cell.shared_who & who_atomic) != 0) {
            cell.write = cell.shared;
            cell.write_who = cell.shared_who & (who_thread | who_atomic);
            cell.write_code = cell.shared_code;
        }
        cell.shared = 0;
        cell.shared_who = 0;
    }
    join_shared(cell, now, who, code);
    return conflict;
}

}  // namespace vitrine::simt
