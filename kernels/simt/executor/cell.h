// What is remembered about a word or a byte of memory to find data races: who wrote it last, and who has read
// it or changed it atomically since.
//
// The rule is happens-before. Two accesses to a byte, at least one a write, not both atomic, are a race
// unless they are ordered: by one thread's program, by a block barrier (all of a block's accesses before it
// come before all after it), by __syncwarp (for its lanes), by fences and atomics, or by the end of a launch.
//
// An access is stamped with its block and its lane's clock; lanes keep vector clocks (Fidge 1988, Mattern
// 1989) that __syncwarp joins, as in FastTrack (Flanagan and Freund, PLDI 2009). A block barrier gives all
// lanes one new clock, higher than any before, so what is older than that clock is ordered: one comparison.
// What fences and atomics order, between blocks above all, is asked of Fences.
#pragma once

#include <cstdint>
#include <optional>

namespace vitrine::simt {

enum class Access : uint8_t { read, write, atomic };

/// The lanes' knowledge of each other: known[i][j] is the last clock of lane j that lane i knows to be past.
struct WarpClocks {
    uint32_t known[32][32] = {};

    /// __syncwarp of some lanes, in the interval that began at `interval_start`. Returns their new clock, one
    /// for all, so that lanes that synchronise together stay together.
    uint32_t join(uint32_t lanes, uint32_t interval_start);
};

/// A block and a clock in one number: the block in the upper half.
using Stamp = uint64_t;
inline constexpr Stamp block_unit = Stamp{1} << 32;

class Fences;

/// The running thread and its time, as the cells need to know them.
struct Now {
    Stamp when = 0;               // the block and the lane's own clock
    Stamp block_begin = 0;        // the block at clock 0
    Stamp past = 0;               // what is less is past: for global memory, the launch's begin
    Stamp launch = 0;             // the launch's begin, which is no block's: see Cell
    uint32_t interval_start = 0;  // the clock of the last barrier
    uint32_t rank = 0;            // in the block
    uint32_t lane_bit = 1;
    const WarpClocks* clocks = nullptr;  // of the thread's warp
    const bool* fences_begun = nullptr;  // whether a thread of the launch has passed a fence
    Fences* fences = nullptr;            // of the block
    // What the thread's last read made of a set of several blocks' reads: it mostly goes on in words with the
    // same one. Forgotten when the thread changes or its clock does.
    mutable Stamp set_before = 0;
    mutable Stamp set_after = 0;

    /// Of a write by an asynchronous copy of this block that nobody has waited for: later than any clock.
    Stamp in_flight() const { return block_begin + (block_unit - 1); }

    bool of_this_block(Stamp stamp) const { return stamp - block_begin < block_unit; }
    /// Of this block, before its last barrier.
    bool before_interval(Stamp stamp) const { return stamp - block_begin < interval_start; }
    bool ordered_by_barriers(Stamp stamp) const { return ordered_by_barriers(stamp, past); }
    bool ordered_by_barriers(Stamp stamp, Stamp past_of_memory) const {
        return stamp < past_of_memory || before_interval(stamp);
    }

    /// Whether the stamp stands for several blocks of the launch.
    bool of_several_blocks(Stamp stamp) const { return stamp - launch < block_unit; }
    bool fencing() const {
        return fences_begun != nullptr && __atomic_load_n(fences_begun, __ATOMIC_RELAXED);
    }

    /// The same thread and time for its block's shared memory, which is new: all that is older than the block
    /// is past.
    Now in_shared_memory() const {
        Now result = *this;
        result.past = block_begin;
        return result;
    }
};

/// `shared` stands for accesses that may come together: reads, or atomics. It is the last of them; those
/// lanes of its warp that made one at the same clock are in `lanes`. Where several blocks made one, it is the
/// launch's begin, which is no block's, with the number of an AccessSet: `unknown`, which is 0, in a launch
/// without fences. So is `write`, where these were atomics. The codes are the low halves of the instructions'
/// addresses, enough to find their lines again inside one program.
struct alignas(32) Cell {
    Stamp write = 0;
    Stamp shared = 0;
    uint32_t write_code = 0;
    uint32_t shared_code = 0;
    uint32_t lanes = 0;
    uint16_t write_who = 0;
    uint16_t shared_who = 0;
};

// Who: the thread's rank in its block, and two flags.
inline constexpr uint16_t who_thread = 0x3FF;
inline constexpr uint16_t who_atomic = 0x400;
inline constexpr uint16_t who_many_warps = 0x800;  // of what is shared: lanes of several warps of the block

/// What a cell keeps of the accesses of one kind by one block.
struct AccessOfBlock {
    Stamp when = 0;
    uint32_t code = 0;
    uint32_t lanes = 0;
    uint16_t who = 0;

    bool operator==(const AccessOfBlock&) const = default;
};

/// Whether a thread of the running block has written the cell.
inline bool written_in_block(const Cell& cell, const Now& now) {
    return now.of_this_block(cell.write) ||
           (now.of_this_block(cell.shared) && (cell.shared_who & who_atomic) != 0);
}

/// The earlier of two accesses that race.
struct Earlier {
    uint32_t block;  // by the number that its launch gave it; the launch's own number: several blocks
    uint32_t thread;
    uint32_t code;
};

/// Enters one access into a cell. Returns an earlier access that it races with, if there is one.
std::optional<Earlier> enter(Cell& cell, Access access, const Now& now, uint32_t code);

// The commonest cases of enter(), for the hooks. Each returns whether that was all; if not, nothing is done.
// `past` is now.past, or for shared memory now.block_begin.
// No standard library here: its templates may share machine code with the kernels', which is observed.

/// Adds a read to the readers of the cell, all of them plain.
inline __attribute__((always_inline)) bool join_readers(Cell& cell, const Now& now, Stamp past,
                                                        uint32_t code) {
    if (cell.shared == now.when) {
        if (((cell.shared_who ^ now.rank) & (who_thread & ~31u)) != 0) {
            cell.shared_who |= who_many_warps;
        } else {
            cell.lanes |= now.lane_bit;
        }
        return true;
    }
    if (now.ordered_by_barriers(cell.shared, past)) {
        cell.shared = now.when;
        cell.shared_who = static_cast<uint16_t>(now.rank);
        cell.shared_code = code;
        cell.lanes = now.lane_bit;
        return true;
    }
    if (!now.of_this_block(cell.shared)) {
        if (now.fencing() && cell.shared != past) {
            if (cell.shared == now.set_before) cell.shared = now.set_after;
            return cell.shared == now.set_after;
        }
        cell.shared = past;
        return true;
    }
    return (cell.shared_who & who_many_warps) != 0;
}

inline __attribute__((always_inline)) bool enter_read(Cell& cell, const Now& now, Stamp past, uint32_t code) {
    if (!now.ordered_by_barriers(cell.write, past) || (cell.shared_who & who_atomic) != 0) return false;
    return join_readers(cell, now, past, code);
}

/// In shared memory, where what no thread of the block has written must not be read.
inline __attribute__((always_inline)) bool enter_shared_read(Cell& cell, const Now& now, uint32_t code) {
    if (!now.before_interval(cell.write) || (cell.shared_who & who_atomic) != 0) return false;
    return join_readers(cell, now, now.block_begin, code);
}

inline __attribute__((always_inline)) bool enter_write(Cell& cell, const Now& now, Stamp past,
                                                       uint32_t code) {
    const bool after_write =
        now.ordered_by_barriers(cell.write, past) || (cell.write == now.when && cell.write_who == now.rank);
    const bool after_shared =
        now.ordered_by_barriers(cell.shared, past) ||
        (cell.shared == now.when && cell.shared_who == now.rank && cell.lanes == now.lane_bit);
    if (!after_write || !after_shared) return false;
    cell.write = now.when;
    cell.write_who = static_cast<uint16_t>(now.rank);
    cell.write_code = code;
    cell.shared = 0;
    cell.shared_who = 0;
    return true;
}

}  // namespace vitrine::simt
