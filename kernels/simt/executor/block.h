// Running the threads of one block: who is ready, who waits for what, and who can go on.
//
// The threads run one after another on one fiber. Only when a thread must wait does it keep that fiber, and
// the next thread starts on another: a kernel without barriers never pays for them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/simt/executor/cell.h"
#include "kernels/simt/executor/fences.h"
#include "kernels/simt/executor/fiber.h"
#include "kernels/simt/executor/grid.h"
#include "kernels/simt/thread.h"

namespace vitrine::simt {

class BlockRunner;
class Observer;
class Recording;

inline constexpr uint32_t warp_size = 32;

/// While the calling OS thread runs a kernel's own code whose accesses are observed: its observer. Null
/// inside of the executor, whose templates may share machine code with the kernels', and outside of kernels.
/// (The shortest ways from one thread to the next leave it as it is, and use no templates.)
extern constinit thread_local Observer* running_observer;

/// While a kernel runs on this OS thread: the block. Null outside.
extern constinit thread_local BlockRunner* running_block;

/// What a lane brings to a warp operation: see warp_operation.
struct WarpRequest {
    WarpOperation operation;
    unsigned mask;
    uint64_t value;
    int argument;
    int width;
};

inline bool of_matrices(WarpOperation operation) { return operation >= WarpOperation::multiply; }

/// Whether two lanes wait for each other. What shuffles ask for may differ by lane.
inline bool together(const WarpRequest& a, const WarpRequest& b) {
    return a.operation == b.operation && a.mask == b.mask &&
           (!of_matrices(a.operation) || a.argument == b.argument);
}

enum class State : uint8_t { unstarted, ready, at_block_barrier, at_warp_operation, exited };

/// What every switch needs comes first, on one line of the cache.
struct alignas(64) Thread {
    Fiber* fiber = nullptr;
    uint3 index{};
    uint32_t clock = 0;  // of its last __syncwarp; the last barrier's counts if that is later
    State state = State::unstarted;
    Barrier barrier{};
    Location location;      // of what it waits at
    WarpRequest request{};  // when that is done, its value is the result
};

/// Belongs to one OS thread; runs one block at a time.
class BlockRunner {
  public:
    explicit BlockRunner(Counters& counters);

    /// With an observer, the kernel's accesses go to it.
    void begin_launch(Grid& grid, Observer* observer);
    void run(uint64_t turn);
    /// Of the block that is run next; null for none.
    void set_recording(Recording* recording) { recording_ = recording; }

    // For the running thread.
    int block_barrier(Barrier kind, int predicate, Location location);
    uint64_t warp_operation(const WarpRequest& request, Location location);
    void fence(FenceScope scope);
    /// What the running thread does from here on is told apart from what it did before.
    void advance_clock();
    /// Gives up this block, after a finding that leaves the thread nowhere to go. Does not return.
    [[noreturn]] void abandon();

    const Now& now() const { return now_; }
    Fences& fences() { return fences_; }
    uint32_t barriers_passed() const { return barriers_passed_; }

    void report(FindingKind kind, std::string where, std::string message) {
        report(kind, now_.rank, std::move(where), std::move(message));
    }

  private:
    struct Warp {
        uint32_t existing = 0;  // lanes
        uint32_t exited = 0;
        uint32_t waiting = 0;  // at a warp operation
        uint32_t arrived = 0;  // how many wait at the block barrier or have exited
    };

    static void run_threads(void* self, Fiber& fiber);
    void reset(uint64_t turn);
    void select(uint32_t rank);
    Fiber& idle_fiber();
    void wait();
    void exit_thread();
    void arrive();
    void make_ready(uint32_t rank);
    uint32_t take_ready();
    void complete_barrier(Barrier kind);
    void record_barrier();
    bool barriers_agree();
    [[noreturn]] void refuse(const WarpRequest& request, Location location);
    void complete_warp_operation(uint32_t warp, uint32_t first_lane);
    uint64_t shuffled(uint32_t rank, uint32_t source, const uint64_t* values, uint32_t taking_part);
    void record_operation(uint32_t warp, const WarpRequest& request, uint32_t taking_part);
    void synchronise_lanes(uint32_t warp, uint32_t lanes);
    bool lanes_agree(uint32_t warp, uint32_t lanes);
    void work_on_matrices(uint32_t warp, uint32_t lanes);
    void report_stuck();
    std::string what_lane_does(uint32_t rank) const;
    void report_inactive(uint32_t rank, uint32_t source);
    void report(FindingKind kind, uint32_t rank, std::string where, std::string message);

    Counters& counters_;
    Now now_;
    Fences fences_;
    Grid* grid_ = nullptr;
    Observer* observer_ = nullptr;
    Recording* recording_ = nullptr;
    bool count_traffic_ = false;
    uint32_t count_ = 0;  // of threads
    std::unique_ptr<Thread[]> threads_;
    std::unique_ptr<Warp[]> warps_;
    std::unique_ptr<WarpClocks[]> clocks_;
    uint32_t latest_clock_ = 0;          // of all threads of all blocks: clocks only grow
    std::unique_ptr<uint32_t[]> order_;  // ranks as they start
    uint32_t next_ = 0;                  // of order_
    std::unique_ptr<uint32_t[]> ready_;  // ranks that may go on, first come first served; a ring
    uint32_t first_ready_ = 0;
    uint32_t ready_count_ = 0;
    uint32_t exited_ = 0;
    uint32_t at_barrier_ = 0;
    uint32_t votes_ = 0;       // of those at the barrier
    Location first_location_;  // of the first at the barrier
    bool locations_differ_ = false;
    int barrier_result_ = 0;  // of the last barrier: nobody can pass another before all have taken it
    uint32_t barriers_passed_ = 0;
    bool abandoned_ = false;
    Scheduler scheduler_;
    std::vector<std::unique_ptr<Fiber>> fibers_;
    std::unique_ptr<Fiber*[]> idle_fibers_;
    uint32_t idle_count_ = 0;
};

}  // namespace vitrine::simt
