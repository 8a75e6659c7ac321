// What is remembered about each byte of memory to find data races: who wrote it last, and who has read it or
// changed it atomically since.
//
// The rule is happens-before. Two accesses to a byte, at least one a write, not both atomic, are a race
// unless they are ordered: by one thread's program, by a block barrier (all of a block's accesses before it
// come before all after it), by __syncwarp (for its lanes), or by the end of a launch. Blocks of one launch
// are never ordered. An access is stamped with its block, the number of barriers the block had passed, and
// its lane's clock; lanes keep vector clocks (Fidge 1988, Mattern 1989) that __syncwarp joins, as in
// FastTrack (Flanagan and Freund, PLDI 2009).
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

namespace vitrine::simt {

/// One access, small enough to keep beside every byte. `code` is the low half of the instruction's address,
/// enough to find its line again inside one program.
struct Stamp {
    uint32_t block = 0;  // never repeats: each launch takes new numbers; 0: nobody
    uint32_t barrier = 0;
    uint32_t clock : 20 = 0;
    uint32_t thread : 10 = 0;
    uint32_t atomic : 1 = 0;
    uint32_t many_warps : 1 =
        0;  // of what is shared: lanes of several warps of the block, which nothing orders
    uint32_t code = 0;
};

/// `shared` stands for accesses that may come together: reads, or atomics. It is the last of them; those
/// lanes of its warp that made one at the same clock are in `lanes`. Where several blocks made one, its block
/// is the number before the launch's first.
struct Cell {
    Stamp write;
    Stamp shared;
    uint32_t lanes = 0;
};

/// Whether block number `block` has written the cell.
inline bool written_in(const Cell& cell, uint32_t block) {
    return cell.write.block == block || (cell.shared.block == block && cell.shared.atomic != 0);
}

enum class Access : uint8_t { read, write, atomic };

/// The lanes' knowledge of each other: clock[i][j] is the last clock of lane j that lane i knows to be past.
struct WarpClocks {
    std::array<std::array<uint32_t, 32>, 32> clock{};
    uint32_t latest = 1;  // of all clocks
    WarpClocks();
    void join(unsigned lanes);
};

/// Who makes an access, as the cells need to know it.
struct Accessor {
    Stamp stamp;
    const WarpClocks* clocks;
    uint32_t first_block;  // the number before the first block of this launch; what is older is ordered
};

/// Enters one access, whose stamp says if it is atomic, into a cell. Returns the earlier access that it races
/// with, if any.
std::optional<Stamp> enter(Cell& cell, Access access, const Accessor& accessor);

/// Cells for a stretch of memory: one for each 4 bytes, until an access that is narrower or crosses 4-byte
/// words asks for one for each byte. So neighbouring bytes of different threads are told apart, and floats
/// stay cheap.
class Cells {
  public:
    explicit Cells(size_t bytes) : bytes_(bytes) {}

    template <class F>
    void for_each(size_t offset, size_t size, F&& f) {
        if (cells_.empty()) cells_.resize((bytes_ + 3) / 4);
        if (by_word_ && (offset % 4 != 0 || size % 4 != 0)) split();
        const size_t unit = by_word_ ? 4 : 1;
        for (size_t at = offset; at < offset + size; at += unit) f(cells_[at / unit]);
    }

  private:
    void split();

    size_t bytes_;
    bool by_word_ = true;
    std::vector<Cell> cells_;
};

/// The cells of the whole device memory, made page by page as it is touched.
class GlobalShadow {
  public:
    static GlobalShadow& instance();
    ~GlobalShadow();
    GlobalShadow(const GlobalShadow&) = delete;
    GlobalShadow& operator=(const GlobalShadow&) = delete;

    /// Calls f for each cell of the access, under the page's lock.
    template <class F>
    void for_each(size_t offset, size_t size, F&& f) {
        while (size != 0) {
            const size_t inside = offset % page_bytes;
            const size_t here = std::min(size, page_bytes - inside);
            Page& page = touch(offset / page_bytes);
            while (page.lock.test_and_set(std::memory_order_acquire)) {
            }
            page.cells.for_each(inside, here, f);
            page.lock.clear(std::memory_order_release);
            offset += here;
            size -= here;
        }
    }

    /// Frees the pages that lie inside of a buffer that is released.
    void forget(size_t offset, size_t bytes);
    void forget_all();

    static constexpr size_t page_bytes = 4096;

  private:
    struct Page {
        std::atomic_flag lock;
        Cells cells{page_bytes};
    };
    GlobalShadow();
    Page& touch(size_t page);

    std::atomic<Page*>* pages_;
    std::mutex mutex_;
    std::set<size_t> made_;
};

}  // namespace vitrine::simt
