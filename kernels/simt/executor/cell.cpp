// The race rule in full.

#include "kernels/simt/executor/cell.h"

#include <algorithm>

#include "kernels/simt/executor/fences.h"

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

/// Whether accesses by one block are past to the running thread.
bool ordered(const AccessOfBlock& earlier, const Now& now) {
    if (now.ordered_by_barriers(earlier.when)) return true;
    if (now.of_this_block(earlier.when) && (earlier.who & who_many_warps) == 0 &&
        same_warp(thread_of(earlier.who), now.rank)) {
        uint32_t left = earlier.lanes;
        while (left != 0 &&
               lane_is_past(static_cast<uint32_t>(__builtin_ctz(left)), clock_of(earlier.when), now)) {
            left &= left - 1;
        }
        if (left == 0) return true;
    }
    return now.fencing() && now.fences->knows(now.rank, earlier);
}

/// The same of what a cell has, which may be a set of several blocks' accesses.
bool past(const AccessOfBlock& earlier, const Now& now) {
    if (!now.of_several_blocks(earlier.when)) return ordered(earlier, now);
    return now.fencing() &&
           now.fences->knows_set(now.rank, clock_of(earlier.when),
                                 [&](const AccessOfBlock& of_block) { return ordered(of_block, now); });
}

AccessOfBlock write_of(const Cell& cell) {
    return {cell.write, cell.write_code, 1u << thread_of(cell.write_who) % warp_size, cell.write_who};
}

AccessOfBlock shared_of(const Cell& cell) {
    return {cell.shared, cell.shared_code, cell.lanes, cell.shared_who};
}

/// Adds an access to others of its kind by the same block.
void join(AccessOfBlock& others, const AccessOfBlock& access, const Now& now) {
    if (!now.ordered_by_barriers(others.when)) {
        if ((others.who & who_many_warps) != 0) return;
        if (!same_warp(thread_of(others.who), now.rank)) {
            others.who |= who_many_warps;
            return;
        }
        // Lanes at one clock are kept together. Where clocks differ (partial masks, fences) the newest is
        // kept: a race with an older one may go unseen, but none is invented.
        if (others.when == now.when) {
            others.lanes |= now.lane_bit;
            return;
        }
    }
    others = access;
}

/// The set of what a cell has, with an access by the running thread.
uint32_t joined_set(const AccessOfBlock& earlier, const AccessOfBlock& access, const Now& now) {
    if (!now.fencing()) return AccessSets::unknown;
    AccessSets& sets = now.fences->sets();
    const uint32_t set =
        now.of_several_blocks(earlier.when) ? clock_of(earlier.when) : sets.with(AccessSets::empty, earlier);
    AccessOfBlock own = sets.of_block(set, static_cast<uint32_t>(now.when / block_unit));
    join(own, access, now);
    return sets.with(set, own);
}

/// Adds an access to others of its kind.
void join_shared(Cell& cell, const Now& now, uint16_t who, uint32_t code) {
    const AccessOfBlock access{now.when, code, now.lane_bit, who};
    AccessOfBlock all = shared_of(cell);
    if (now.ordered_by_barriers(all.when) || now.of_this_block(all.when)) {
        join(all, access, now);
    } else if (past(all, now)) {
        all = access;
    } else {
        const Stamp set = now.launch + joined_set(all, access, now);
        if (now.of_several_blocks(all.when) && (who & who_atomic) == 0) {
            now.set_before = all.when;
            now.set_after = set;
        }
        all = {set, all.code, 0, static_cast<uint16_t>(who & who_atomic)};
    }
    cell.shared = all.when;
    cell.shared_code = all.code;
    cell.lanes = all.lanes;
    cell.shared_who = all.who;
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
    if (!both_atomic && !past(write_of(cell), now)) {
        conflict = earlier_of(cell.write, cell.write_who, cell.write_code);
    } else if (!same_kind && !past(shared_of(cell), now)) {
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
