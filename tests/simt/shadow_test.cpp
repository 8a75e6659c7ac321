// The race rule by itself: which pairs of accesses are ordered, and that the third party is not forgotten.

#include "kernels/simt/executor/shadow.h"

#include <doctest/doctest.h>

#include <array>
#include <utility>

using namespace vitrine::simt;

namespace {

/// One byte, and threads of blocks that access it. Threads of a block share barriers, lanes of a warp their
/// clocks.
class Byte {
  public:
    /// Whether the access races with an earlier one.
    bool operator()(Access access, uint32_t block, uint32_t thread) {
        Accessor who{};
        const WarpClocks& clocks = clocks_[block][thread / 32];
        who.stamp.block = first_ + 1 + block;
        who.stamp.barrier = barriers_[block];
        who.stamp.thread = thread & 0x3FFu;
        who.stamp.clock = clocks.clock[thread % 32][thread % 32] & 0xFFFFFu;
        who.stamp.atomic = access == Access::atomic ? 1 : 0;
        who.clocks = &clocks;
        who.first_block = first_;
        return enter(cell_, access, who).has_value();
    }
    bool read(uint32_t block, uint32_t thread) { return (*this)(Access::read, block, thread); }
    bool write(uint32_t block, uint32_t thread) { return (*this)(Access::write, block, thread); }
    bool atomic(uint32_t block, uint32_t thread) { return (*this)(Access::atomic, block, thread); }

    void barrier(uint32_t block) { ++barriers_[block]; }
    void sync_warp(uint32_t block, uint32_t warp, unsigned lanes) { clocks_[block][warp].join(lanes); }
    void next_launch() { first_ += 10; }

  private:
    Cell cell_;
    uint32_t first_ = 1;
    std::array<uint32_t, 3> barriers_{};
    std::array<std::array<WarpClocks, 2>, 3> clocks_;
};

}  // namespace

TEST_CASE("one thread is always in order with itself") {
    Byte byte;
    CHECK_FALSE(byte.write(0, 5));
    CHECK_FALSE(byte.read(0, 5));
    CHECK_FALSE(byte.atomic(0, 5));
    CHECK_FALSE(byte.write(0, 5));
}

TEST_CASE("a write races with every reader that nothing orders, not only with the last") {
    // Two readers, of one warp, of two warps, of two blocks: whichever of the two writes, the other is in its
    // way.
    for (const auto& [block, thread] : {std::pair{0u, 1u}, std::pair{0u, 40u}, std::pair{1u, 0u}}) {
        for (const bool first_writes : {true, false}) {
            Byte byte;
            CHECK_FALSE(byte.read(0, 0));
            CHECK_FALSE(byte.read(block, thread));
            CHECK(first_writes ? byte.write(0, 0) : byte.write(block, thread));
        }
    }
    {
        Byte byte;  // the last reader is ordered before the writer, an earlier one is not
        CHECK_FALSE(byte.read(0, 2));
        CHECK_FALSE(byte.read(0, 1));
        byte.sync_warp(0, 0, 0b011);
        CHECK(byte.write(0, 0));
    }
    {
        Byte byte;  // the reader has the writer's lane, in another warp
        CHECK_FALSE(byte.read(0, 32));
        CHECK(byte.write(0, 0));
    }
    {
        Byte byte;  // a barrier of one block orders nothing of the other
        CHECK_FALSE(byte.read(0, 0));
        CHECK_FALSE(byte.read(1, 0));
        byte.barrier(1);
        CHECK_FALSE(byte.read(1, 1));
        CHECK(byte.write(1, 1));
    }
}

TEST_CASE("a barrier orders all readers before a write of the same block") {
    Byte byte;
    for (uint32_t thread = 0; thread < 64; ++thread) CHECK_FALSE(byte.read(0, thread));
    byte.barrier(0);
    CHECK_FALSE(byte.write(0, 7));
    CHECK(byte.read(0, 8));
    byte.barrier(0);
    CHECK_FALSE(byte.read(0, 9));
    CHECK(byte.write(1, 7));
}

TEST_CASE("__syncwarp orders the lanes of its mask, and what they knew") {
    Byte byte;
    CHECK_FALSE(byte.write(0, 0));
    byte.sync_warp(0, 0, 0b0011);
    byte.sync_warp(0, 0, 0b0110);
    CHECK_FALSE(byte.read(0, 2));  // 0 before 1 before 2
    CHECK(byte.read(0, 3));
}

TEST_CASE("a __syncwarp before the write orders nothing after it") {
    Byte byte;
    byte.sync_warp(0, 0, ~0u);
    CHECK_FALSE(byte.write(0, 0));
    CHECK(byte.read(0, 1));
}

TEST_CASE("atomics race with plain accesses, and all of them are remembered") {
    Byte byte;
    for (const uint32_t thread : {1u, 40u, 0u}) CHECK_FALSE(byte.atomic(0, thread));
    CHECK_FALSE(byte.atomic(1, 0));
    CHECK(byte.read(0, 0));

    Byte ordered;  // a lane that is ordered reads; one that is not must still see the atomic
    CHECK_FALSE(ordered.atomic(0, 1));
    ordered.sync_warp(0, 0, 0b0011);
    CHECK_FALSE(ordered.read(0, 0));
    CHECK(ordered.read(0, 33));

    Byte after_read;
    CHECK_FALSE(after_read.read(0, 1));
    CHECK(after_read.atomic(0, 2));

    Byte after_write;
    CHECK_FALSE(after_write.write(0, 1));
    CHECK(after_write.atomic(0, 2));
}

TEST_CASE("the end of a launch orders everything") {
    Byte byte;
    CHECK_FALSE(byte.write(0, 0));
    byte.next_launch();
    CHECK_FALSE(byte.write(1, 5));
    byte.next_launch();
    CHECK_FALSE(byte.read(2, 0));
    CHECK_FALSE(byte.atomic(2, 0));
}

TEST_CASE("cells tell bytes apart as soon as someone needs it") {
    Cells cells(16);
    size_t seen = 0;
    const auto count = [&](Cell&) { ++seen; };
    cells.for_each(0, 16, count);
    CHECK(seen == 4);
    cells.for_each(4, 4, [](Cell& cell) { cell.write.block = 7; });
    seen = 0;
    cells.for_each(6, 1, count);
    CHECK(seen == 1);
    seen = 0;
    cells.for_each(0, 16, [&](Cell& cell) { seen += cell.write.block == 7 ? 1 : 0; });
    CHECK(seen == 4);  // what was known of the word is known of its bytes
}
