// Running the threads of one block: who is ready, who waits for what, and who can go on.
//
// The threads run one after another on one fiber. Only when a thread must wait does it keep that fiber, and
// the next thread starts on another: a kernel without barriers never pays for them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/simt/executor/fiber.h"
#include "kernels/simt/executor/grid.h"
#include "kernels/simt/executor/shadow.h"
#include "kernels/simt/thread.h"

namespace vitrine::simt {

class Observer;

/// While the calling OS thread runs a kernel's own code whose accesses are observed: its observer. Null
/// inside of the executor, whose templates may share machine code with the kernels', and outside of kernels.
extern constinit thread_local Observer* running_observer;

enum class State : uint8_t { unstarted, ready, at_block_barrier, at_warp_operation, exited };

struct Thread {
    State state = State::unstarted;
    uint3 index{};
    Fiber* fiber = nullptr;
    Location location;  // of what it waits at
    Barrier barrier{};
    int predicate = 0;
    WarpRequest request{};
    uint64_t result = 0;
};

/// Belongs to one OS thread; runs one block at a time.
class BlockRunner {
  public:
    explicit BlockRunner(Counters& counters) : counters_(counters) {}

    /// With an observer, the kernel's accesses go to it.
    void begin_launch(Grid& grid, Observer* observer);
    void run(uint64_t turn);

    // For the running thread.
    int block_barrier(Barrier kind, int predicate, const Location& location);
    uint64_t warp_operation(const WarpRequest& request, const Location& location);
    /// Gives up this block, after a finding that leaves the thread nowhere to go. Does not return.
    [[noreturn]] void abandon();

    uint32_t rank() const { return rank_; }
    unsigned lane() const { return rank_ % 32; }
    uint32_t barriers_passed() const { return barriers_passed_; }
    const WarpClocks& clocks() const { return clocks_[rank_ / 32]; }
    bool on_own_stack(uintptr_t address) const { return threads_[rank_].fiber->holds(address); }

    void report(FindingKind kind, std::string where, std::string message) {
        report(kind, rank_, std::move(where), std::move(message));
    }

  private:
    struct Warp {
        uint32_t existing = 0;  // lanes
        uint32_t exited = 0;
        uint32_t waiting = 0;  // at a warp operation
    };

    static void run_threads(void* self, Fiber& fiber);
    void reset(uint64_t turn);
    void select(uint32_t rank);
    void start_next();
    void wait();
    void exit_thread();
    void make_ready(uint32_t rank);
    uint32_t take_ready();
    void complete_barrier();
    void renew_clocks();
    void complete_warp_operation(unsigned warp, uint32_t first_lane);
    uint64_t shuffled(const Thread& thread, unsigned warp, unsigned lane, uint32_t taking_part);
    void report_stuck();
    std::string what_lane_does(uint32_t rank) const;
    void report(FindingKind kind, uint32_t rank, std::string where, std::string message);

    Counters& counters_;
    Grid* grid_ = nullptr;
    Observer* observer_ = nullptr;
    std::vector<Thread> threads_;
    std::vector<Warp> warps_;
    std::vector<WarpClocks> clocks_;
    std::vector<uint32_t> order_;  // ranks as they start
    size_t next_ = 0;              // of order_
    std::vector<uint32_t> ready_;  // ranks that may go on, first come first served
    size_t next_ready_ = 0;
    uint32_t rank_ = 0;  // of the running thread
    uint32_t exited_ = 0;
    uint32_t at_barrier_ = 0;
    uint32_t barriers_passed_ = 0;
    bool abandoned_ = false;
    Scheduler scheduler_;
    std::vector<std::unique_ptr<Fiber>> fibers_;
    std::vector<Fiber*> idle_fibers_;
};

}  // namespace vitrine::simt
