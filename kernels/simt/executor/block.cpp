// The scheduler of a block, and its barrier.

#include "kernels/simt/executor/block.h"

#include <fmt/format.h>

#include "kernels/simt/executor/indices.h"
#include "kernels/simt/executor/names.h"
#include "kernels/simt/executor/observer.h"
#include "kernels/simt/executor/recording.h"
#include "kernels/simt/executor/switching.h"
#include "kernels/simt/executor/symbols.h"
#include "kernels/simt/executor/worker.h"

thread_local constinit uint3 threadIdx{};
thread_local constinit uint3 blockIdx{};
thread_local constinit uint3 blockDim{};
thread_local constinit uint3 gridDim{};

namespace vitrine::simt {

constinit thread_local Observer* running_observer = nullptr;
constinit thread_local BlockRunner* running_block = nullptr;

namespace {

// Clocks begin anew, between blocks, when they have come this far.
constexpr uint32_t latest_possible_clock = 1u << 31;

/// The compiler makes one object for each place in the source: mostly a look at its address is enough.
bool same_object(const Location& a, const Location& b) {
    return __builtin_bit_cast(const void*, a) == __builtin_bit_cast(const void*, b);
}

bool same_place(const Thread& a, const Thread& b) {
    return a.barrier == b.barrier && a.location.line() == b.location.line() &&
           a.location.column() == b.location.column() &&
           std::string_view(a.location.file_name()) == b.location.file_name();
}

uint3 plain(const dim3& size) { return {size.x, size.y, size.z}; }

unsigned lanes_in(uint32_t mask) { return static_cast<unsigned>(__builtin_popcount(mask)); }

}  // namespace

BlockRunner::BlockRunner(Counters& counters)
    : counters_(counters),
      threads_(new Thread[most_threads]),
      warps_(new Warp[most_threads / warp_size]),
      clocks_(new WarpClocks[most_threads / warp_size]),
      order_(new uint32_t[most_threads]),
      ready_(new uint32_t[most_threads]),
      idle_fibers_(new Fiber*[most_threads + 1]) {}

void BlockRunner::begin_launch(Grid& grid, Observer* observer) {
    grid_ = &grid;
    observer_ = observer;
    count_traffic_ = observer != nullptr && grid.settings().count_traffic;
    const dim3& block = grid.request().block;
    count_ = grid.threads_per_block();
    for (uint32_t rank = 0; rank < count_; ++rank) {
        threads_[rank].index = {rank % block.x, rank / block.x % block.y, rank / block.x / block.y};
    }
    const uint32_t warps = (count_ + warp_size - 1) / warp_size;
    for (uint32_t warp = 0; warp < warps; ++warp) warps_[warp].existing = ~0u;
    if (count_ % warp_size != 0) warps_[warps - 1].existing = (1u << count_ % warp_size) - 1;
    grid.order_threads(0, order_.get());
    blockDim = plain(block);
    gridDim = plain(grid.request().grid);
    now_.past = now_.launch = grid.first_number() * block_unit;
    now_.fences_begun = &grid.releases().begun();
    now_.fences = &fences_;
    fences_.begin_launch(grid);
}

void BlockRunner::reset(uint64_t turn) {
    blockIdx = grid_->block(turn);
    for (uint32_t rank = 0; rank < count_; ++rank) threads_[rank].state = State::unstarted;
    for (uint32_t warp = 0; warp * warp_size < count_; ++warp) {
        warps_[warp].exited = warps_[warp].waiting = warps_[warp].arrived = 0;
    }
    if (grid_->settings().order == Order::shuffled) grid_->order_threads(turn, order_.get());
    next_ = first_ready_ = ready_count_ = exited_ = at_barrier_ = votes_ = barriers_passed_ = 0;
    locations_differ_ = abandoned_ = false;
    if (latest_clock_ > latest_possible_clock) {
        latest_clock_ = 0;
        for (uint32_t rank = 0; rank < most_threads; ++rank) threads_[rank].clock = 0;
        for (uint32_t warp = 0; warp < most_threads / warp_size; ++warp) clocks_[warp] = {};
    }
    now_.block_begin = now_.past + (turn + 1) * block_unit;
    now_.interval_start = ++latest_clock_;
    fences_.begin_block(grid_->first_number() + 1 + static_cast<uint32_t>(turn));
}

void BlockRunner::run(uint64_t turn) {
    reset(turn);
    while (exited_ < count_ && !abandoned_) {
        if (ready_count_ != 0) {
            const uint32_t rank = take_ready();
            select(rank);
            running_observer = observer_;
            threads_[rank].fiber->resume();
        } else if (next_ < count_) {
            idle_fiber().resume();
        } else {
            report_stuck();
            break;
        }
        running_observer = nullptr;
    }
    running_observer = nullptr;
    if (exited_ == count_) return;
    idle_count_ = 0;
    for (const std::unique_ptr<Fiber>& fiber : fibers_) {
        fiber->restart();
        idle_fibers_[idle_count_++] = fiber.get();
    }
}

Fiber& BlockRunner::idle_fiber() {
    if (idle_count_ == 0) {
        const Unobserved unobserved;
        fibers_.push_back(std::make_unique<Fiber>(run_threads, this, scheduler_, fibers_.size()));
        return *fibers_.back();
    }
    Fiber& fiber = *idle_fibers_[--idle_count_];
    if (idle_count_ != 0) idle_fibers_[idle_count_ - 1]->expect();
    return fiber;
}

/// The body of every fiber. Before a thread starts, those that may go on do: fewer fibers are in use at once.
void BlockRunner::run_threads(void* self, Fiber& fiber) {
    BlockRunner& block = *static_cast<BlockRunner*>(self);
    for (;;) {
        while (block.next_ < block.count_ && block.ready_count_ == 0) {
            const uint32_t rank = block.order_[block.next_++];
            block.threads_[rank].state = State::ready;
            block.threads_[rank].fiber = &fiber;
            block.select(rank);
            running_observer = block.observer_;
            block.grid_->request().run_thread(block.grid_->request().arguments);
            running_observer = nullptr;
            block.exit_thread();
        }
        block.idle_fibers_[block.idle_count_++] = &fiber;
        if (block.ready_count_ == 0) {
            fiber.suspend();
            continue;
        }
        const uint32_t rank = block.take_ready();
        block.select(rank);
        running_observer = block.observer_;
        fiber.switch_to(*block.threads_[rank].fiber);
    }
}

void BlockRunner::abandon() {
    abandoned_ = true;
    wait();
    __builtin_unreachable();
}

void BlockRunner::exit_thread() {
    threads_[now_.rank].state = State::exited;
    ++exited_;
    Warp& warp = warps_[now_.rank / warp_size];
    warp.exited |= now_.lane_bit;
    // Lanes that wait for this one need not any more.
    for (uint32_t left = warp.waiting; left != 0; left &= left - 1) {
        if ((warp.waiting & left & -left) == 0) continue;
        complete_warp_operation(now_.rank / warp_size, static_cast<uint32_t>(__builtin_ctz(left)));
    }
    if (count_traffic_) arrive();
}

/// With the last lane that waits at the block's barrier or has exited, the warp's requests are complete.
void BlockRunner::arrive() {
    Warp& warp = warps_[now_.rank / warp_size];
    if (++warp.arrived < lanes_in(warp.existing)) return;
    const Unobserved unobserved;
    observer_->end_warp(now_.rank / warp_size);
}

int BlockRunner::block_barrier(Barrier kind, int predicate, Location location) {
    Thread& thread = threads_[now_.rank];
    thread.state = State::at_block_barrier;
    thread.barrier = kind;
    thread.location = location;
    votes_ += predicate != 0 ? 1 : 0;
    if (at_barrier_ == 0) first_location_ = location;
    locations_differ_ |= !same_object(location, first_location_);
    if (count_traffic_) arrive();
    if (++at_barrier_ == count_) complete_barrier(kind);
    wait();
    thread.state = State::ready;
    return barrier_result_;
}

void BlockRunner::complete_barrier(Barrier kind) {
    if (locations_differ_ && !barriers_agree()) {
        abandoned_ = true;
        return;
    }
    switch (kind) {
        case Barrier::plain:
            break;
        case Barrier::count:
            barrier_result_ = static_cast<int>(votes_);
            break;
        case Barrier::all:
            barrier_result_ = votes_ == count_ ? 1 : 0;
            break;
        case Barrier::any:
            barrier_result_ = votes_ != 0 ? 1 : 0;
    }
    // In another order than they started in: each barrier of a shuffled block begins with another thread.
    const bool rotated = grid_->settings().order == Order::shuffled;
    const uint32_t turn = rotated ? (barriers_passed_ * 37 + 1) % count_ : 0;
    __builtin_memcpy(ready_.get(), order_.get() + turn, (count_ - turn) * sizeof(uint32_t));
    __builtin_memcpy(ready_.get() + count_ - turn, order_.get(), turn * sizeof(uint32_t));
    first_ready_ = 0;
    ready_count_ = count_;
    if (count_traffic_) {
        for (uint32_t warp = 0; warp * warp_size < count_; ++warp) warps_[warp].arrived = 0;
        record_barrier();
    }
    at_barrier_ = votes_ = 0;
    locations_differ_ = false;
    ++barriers_passed_;
    ++counters_.barriers;
    now_.interval_start = ++latest_clock_;
    if (!fences_.at_work()) return;
    const Unobserved unobserved;
    fences_.barrier(count_);
}

void BlockRunner::record_barrier() {
    if (recording_ == nullptr) return;
    const Unobserved unobserved;
    recording_->pass_barrier(first_location_);
}

bool BlockRunner::barriers_agree() {
    const Unobserved unobserved;
    const Thread& first = threads_[0];
    for (uint32_t rank = 0; rank < count_; ++rank) {
        const Thread& thread = threads_[rank];
        if (same_place(thread, first)) continue;
        report(FindingKind::barrier_divergence, rank, source_line(thread.location),
               fmt::format("waits at {} while thread {} waits at {} ({})", name_of(thread.barrier),
                           shown(first.index), name_of(first.barrier), source_line(first.location)));
        return false;
    }
    return true;
}

void BlockRunner::fence(FenceScope scope) {
    fences_.fence(now_, scope);
    advance_clock();
}

void BlockRunner::advance_clock() {
    const uint32_t lane = now_.rank % warp_size;
    const auto clock = static_cast<uint32_t>(now_.when - now_.block_begin) + 1;
    threads_[now_.rank].clock = clocks_[now_.rank / warp_size].known[lane][lane] = clock;
    if (clock > latest_clock_) latest_clock_ = clock;
    now_.when = now_.block_begin + clock;
    now_.set_before = now_.set_after = 0;
}

int block_barrier(Barrier kind, int predicate, Location location) {
    return running().block_barrier(kind, predicate, location);
}

}  // namespace vitrine::simt
