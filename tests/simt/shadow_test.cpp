// The race rule by itself: which pairs of accesses are ordered, and that the third party is not forgotten.

#include "kernels/simt/executor/shadow.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

using namespace vitrine::simt;

namespace {

/// One byte, and threads of blocks that access it. Threads of a block share barriers, lanes of a warp their
/// clocks.
class Byte {
  public:
    explicit Byte(bool quick) : quick_(quick) {}

    /// Whether the access races with an earlier one.
    bool operator()(Access access, uint32_t block, uint32_t thread) {
        const Block& its = blocks_[block];
        Now now;
        now.past = now.launch = first_ * block_unit;
        now.block_begin = (first_ + 1 + block) * block_unit;
        now.interval_start = its.interval_start;
        now.when = now.block_begin + std::max(its.clocks[thread], its.interval_start);
        now.rank = thread;
        now.lane_bit = 1u << thread % 32;
        now.clocks = &its.known[thread / 32];
        return quickly(access, now) ? false : enter(cell_, access, now, 0).has_value();
    }
    bool read(uint32_t block, uint32_t thread) { return (*this)(Access::read, block, thread); }
    bool write(uint32_t block, uint32_t thread) { return (*this)(Access::write, block, thread); }
    bool atomic(uint32_t block, uint32_t thread) { return (*this)(Access::atomic, block, thread); }

    void barrier(uint32_t block) { blocks_[block].interval_start = ++blocks_[block].latest; }
    void sync_warp(uint32_t block, uint32_t warp, unsigned lanes) {
        Block& its = blocks_[block];
        const uint32_t clock = its.known[warp].join(lanes, its.interval_start);
        its.latest = std::max(its.latest, clock);
        for (uint32_t lane = 0; lane < 32; ++lane) {
            if ((lanes >> lane & 1u) != 0) its.clocks[warp * 32 + lane] = clock;
        }
    }
    void next_launch() { first_ += 10; }

  private:
    struct Block {
        uint32_t interval_start = 1;
        uint32_t latest = 1;
        std::array<uint32_t, 64> clocks{};
        std::array<WarpClocks, 2> known;
    };

    /// The hooks' way, which must agree with the rule in full: it is tried first, as there.
    bool quickly(Access access, const Now& now) {
        if (!quick_ || access == Access::atomic) return false;
        return access == Access::read ? enter_read(cell_, now, now.past, 0)
                                      : enter_write(cell_, now, now.past, 0);
    }

    bool quick_;
    Cell cell_;
    uint32_t first_ = 1;
    std::array<Block, 3> blocks_;
};

/// What is true must be true with the hooks' common cases and without.
template <class F>
void for_both_ways(F&& f) {
    for (const bool quick : {false, true}) f(quick);
}

}  // namespace

TEST_CASE("one thread is always in order with itself") {
    for_both_ways([](bool quick) {
        Byte byte(quick);
        CHECK_FALSE(byte.write(0, 5));
        CHECK_FALSE(byte.read(0, 5));
        CHECK_FALSE(byte.atomic(0, 5));
        CHECK_FALSE(byte.write(0, 5));
    });
}

TEST_CASE("a write races with every reader that nothing orders, not only with the last") {
    for_both_ways([](bool quick) {
        // Two readers, of one warp, of two warps, of two blocks: whichever of the two writes, the other is in
        // its way.
        for (const auto& [block, thread] : {std::pair{0u, 1u}, std::pair{0u, 40u}, std::pair{1u, 0u}}) {
            for (const bool first_writes : {true, false}) {
                Byte byte(quick);
                CHECK_FALSE(byte.read(0, 0));
                CHECK_FALSE(byte.read(block, thread));
                CHECK(first_writes ? byte.write(0, 0) : byte.write(block, thread));
            }
        }
        {
            Byte byte(quick);  // the last reader is ordered before the writer, an earlier one is not
            CHECK_FALSE(byte.read(0, 2));
            CHECK_FALSE(byte.read(0, 1));
            byte.sync_warp(0, 0, 0b011);
            CHECK(byte.write(0, 0));
        }
        {
            Byte byte(quick);  // the reader has the writer's lane, in another warp
            CHECK_FALSE(byte.read(0, 32));
            CHECK(byte.write(0, 0));
        }
        {
            Byte byte(quick);  // a barrier of one block orders nothing of the other
            CHECK_FALSE(byte.read(0, 0));
            CHECK_FALSE(byte.read(1, 0));
            byte.barrier(1);
            CHECK_FALSE(byte.read(1, 1));
            CHECK(byte.write(1, 1));
        }
    });
}

TEST_CASE("a barrier orders all readers before a write of the same block") {
    for_both_ways([](bool quick) {
        Byte byte(quick);
        for (uint32_t thread = 0; thread < 64; ++thread) CHECK_FALSE(byte.read(0, thread));
        byte.barrier(0);
        CHECK_FALSE(byte.write(0, 7));
        CHECK(byte.read(0, 8));
        byte.barrier(0);
        CHECK_FALSE(byte.read(0, 9));
        CHECK(byte.write(1, 7));
    });
}

TEST_CASE("__syncwarp orders the lanes of its mask, and what they knew") {
    for_both_ways([](bool quick) {
        Byte byte(quick);
        CHECK_FALSE(byte.write(0, 0));
        byte.sync_warp(0, 0, 0b0011);
        byte.sync_warp(0, 0, 0b0110);
        CHECK_FALSE(byte.read(0, 2));  // 0 before 1 before 2
        CHECK(byte.read(0, 3));
    });
}

TEST_CASE("a __syncwarp before the write orders nothing after it") {
    for_both_ways([](bool quick) {
        Byte byte(quick);
        byte.sync_warp(0, 0, ~0u);
        CHECK_FALSE(byte.write(0, 0));
        CHECK(byte.read(0, 1));
    });
}

TEST_CASE("atomics race with plain accesses, and all of them are remembered") {
    for_both_ways([](bool quick) {
        Byte byte(quick);
        for (const uint32_t thread : {1u, 40u, 0u}) CHECK_FALSE(byte.atomic(0, thread));
        CHECK_FALSE(byte.atomic(1, 0));
        CHECK(byte.read(0, 0));

        Byte ordered(quick);  // a lane that is ordered reads; one that is not must still see the atomic
        CHECK_FALSE(ordered.atomic(0, 1));
        ordered.sync_warp(0, 0, 0b0011);
        CHECK_FALSE(ordered.read(0, 0));
        CHECK(ordered.read(0, 33));

        Byte after_read(quick);
        CHECK_FALSE(after_read.read(0, 1));
        CHECK(after_read.atomic(0, 2));

        Byte after_write(quick);
        CHECK_FALSE(after_write.write(0, 1));
        CHECK(after_write.atomic(0, 2));
    });
}

TEST_CASE("the end of a launch orders everything") {
    for_both_ways([](bool quick) {
        Byte byte(quick);
        CHECK_FALSE(byte.write(0, 0));
        byte.next_launch();
        CHECK_FALSE(byte.write(1, 5));
        byte.next_launch();
        CHECK_FALSE(byte.read(2, 0));
        CHECK_FALSE(byte.atomic(2, 0));
    });
}

TEST_CASE("cells tell bytes apart as soon as someone needs it") {
    constexpr uintptr_t begin = 16 * Shadow::page_bytes;
    Shadow shadow(begin, 2 * Shadow::page_bytes);
    const auto cells_of = [&](uintptr_t address, size_t bytes) {
        std::vector<uint32_t> codes;
        size_t covered = 0;
        shadow.for_each(address, bytes, [&](Cell& cell, uintptr_t first, size_t size) {
            CHECK(first == address + covered);
            covered += size;
            codes.push_back(cell.write_code);
        });
        CHECK(covered == bytes);
        return codes;
    };
    CHECK(cells_of(begin, 16).size() == 4);
    shadow.for_each(begin + 4, 4, [](Cell& cell, uintptr_t, size_t) { cell.write_code = 7; });
    CHECK(cells_of(begin + 6, 1) == std::vector<uint32_t>{7});
    // What was known of the word is known of its bytes.
    CHECK(cells_of(begin + 3, 6) == std::vector<uint32_t>{0, 7, 7, 7, 7, 0});
    // An access over the end of a page.
    CHECK(cells_of(begin + Shadow::page_bytes - 8, 16).size() == 8 + 2);
}

TEST_CASE("what is released is forgotten, whole pages of it") {
    constexpr uintptr_t begin = 16 * Shadow::page_bytes;
    Shadow shadow(begin, 4 * Shadow::page_bytes);
    const auto code_at = [&](uintptr_t address) -> uint32_t& {
        uint32_t* code = nullptr;
        shadow.for_each(address, 4, [&](Cell& cell, uintptr_t, size_t) { code = &cell.write_code; });
        return *code;
    };
    for (uintptr_t page = 0; page < 4; ++page) code_at(begin + page * Shadow::page_bytes) = 7;
    shadow.forget(begin + 4, 2 * Shadow::page_bytes);
    CHECK(code_at(begin) == 7);
    CHECK(code_at(begin + Shadow::page_bytes) == 0);
    CHECK(code_at(begin + 2 * Shadow::page_bytes) == 7);
    shadow.forget_all();
    CHECK(code_at(begin) == 0);
}
