// The scheduler of a block.

#include "kernels/simt/executor/block.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kernels/simt/executor/names.h"
#include "kernels/simt/executor/symbols.h"
#include "kernels/simt/words.h"

thread_local constinit uint3 threadIdx{};
thread_local constinit uint3 blockIdx{};
thread_local constinit dim3 blockDim{};
thread_local constinit dim3 gridDim{};

namespace vitrine::simt {

constinit thread_local Observer* running_observer = nullptr;

namespace {

constexpr unsigned warp_size = 32;
// Clocks are stamped with 20 bits; they begin anew, between blocks, long before.
constexpr uint32_t latest_clock = 1u << 19;

bool same_place(const Thread& a, const Thread& b) {
    return a.barrier == b.barrier && a.location.line() == b.location.line() &&
           a.location.column() == b.location.column() &&
           std::string_view(a.location.file_name()) == b.location.file_name();
}

}  // namespace

void BlockRunner::begin_launch(Grid& grid, Observer* observer) {
    grid_ = &grid;
    observer_ = observer;
    const dim3& block = grid.request().block;
    const unsigned threads = grid.threads_per_block();
    threads_.assign(threads, Thread{});
    for (unsigned rank = 0; rank < threads; ++rank) {
        threads_[rank].index = {rank % block.x, rank / block.x % block.y, rank / block.x / block.y};
    }
    const unsigned warps = (threads + warp_size - 1) / warp_size;
    warps_.assign(warps, Warp{.existing = ~0u});
    if (threads % warp_size != 0) warps_.back().existing = (1u << threads % warp_size) - 1;
    clocks_.resize(std::max<size_t>(clocks_.size(), warps));
    ready_.reserve(threads);
    blockDim = block;
    gridDim = grid.request().grid;
}

void BlockRunner::reset(uint64_t turn) {
    blockIdx = grid_->block(turn);
    for (Thread& thread : threads_) thread.state = State::unstarted;
    for (Warp& warp : warps_) warp.exited = warp.waiting = 0;
    if (turn == 0 || grid_->settings().order == Order::shuffled || order_.size() != threads_.size()) {
        grid_->order_threads(turn, order_);
    }
    next_ = next_ready_ = 0;
    ready_.clear();
    exited_ = at_barrier_ = barriers_passed_ = 0;
    abandoned_ = false;
    renew_clocks();
}

void BlockRunner::run(uint64_t turn) {
    reset(turn);
    while (exited_ < threads_.size() && !abandoned_) {
        if (next_ready_ < ready_.size()) {
            const uint32_t rank = take_ready();
            select(rank);
            threads_[rank].fiber->resume();
        } else if (next_ < order_.size()) {
            start_next();
        } else {
            report_stuck();
            break;
        }
    }
    if (exited_ == threads_.size()) return;
    idle_fibers_.clear();
    for (const std::unique_ptr<Fiber>& fiber : fibers_) {
        fiber->restart();
        idle_fibers_.push_back(fiber.get());
    }
}

void BlockRunner::start_next() {
    if (idle_fibers_.empty()) {
        fibers_.push_back(std::make_unique<Fiber>(run_threads, this, scheduler_, fibers_.size()));
        idle_fibers_.push_back(fibers_.back().get());
    }
    Fiber* fiber = idle_fibers_.back();
    idle_fibers_.pop_back();
    fiber->resume();
}

/// The body of every fiber. Before a thread starts, those that may go on do: fewer fibers are in use at once.
void BlockRunner::run_threads(void* self, Fiber& fiber) {
    BlockRunner& block = *static_cast<BlockRunner*>(self);
    for (;;) {
        while (block.next_ < block.order_.size() && block.ready_.empty()) {
            const uint32_t rank = block.order_[block.next_++];
            block.select(rank);
            block.threads_[rank].state = State::ready;
            block.threads_[rank].fiber = &fiber;
            running_observer = block.observer_;
            block.grid_->request().run_thread(block.grid_->request().arguments);
            running_observer = nullptr;
            block.exit_thread();
        }
        block.idle_fibers_.push_back(&fiber);
        fiber.suspend();
    }
}

void BlockRunner::select(uint32_t rank) {
    rank_ = rank;
    threadIdx = threads_[rank].index;
}

void BlockRunner::wait() {
    Fiber& own = *threads_[rank_].fiber;
    if (abandoned_ || ready_.empty()) return own.suspend();
    const uint32_t next = take_ready();
    select(next);
    Fiber& other = *threads_[next].fiber;
    if (&other != &own) own.switch_to(other);
}

void BlockRunner::abandon() {
    abandoned_ = true;
    wait();
    __builtin_unreachable();
}

uint32_t BlockRunner::take_ready() {
    const uint32_t rank = ready_[next_ready_++];
    if (next_ready_ == ready_.size()) {
        ready_.clear();
        next_ready_ = 0;
    }
    return rank;
}

void BlockRunner::make_ready(uint32_t rank) {
    threads_[rank].state = State::ready;
    ready_.push_back(rank);
}

void BlockRunner::exit_thread() {
    threads_[rank_].state = State::exited;
    ++exited_;
    Warp& warp = warps_[rank_ / warp_size];
    warp.exited |= 1u << rank_ % warp_size;
    // Lanes that wait for this one need not any more.
    for (uint32_t left = warp.waiting; left != 0; left &= left - 1) {
        if ((warp.waiting & left & -left) == 0) continue;
        complete_warp_operation(rank_ / warp_size, static_cast<uint32_t>(__builtin_ctz(left)));
    }
}

int BlockRunner::block_barrier(Barrier kind, int predicate, const Location& location) {
    Thread& thread = threads_[rank_];
    thread.state = State::at_block_barrier;
    thread.barrier = kind;
    thread.predicate = predicate != 0 ? 1 : 0;
    thread.location = location;
    if (++at_barrier_ == threads_.size()) complete_barrier();
    wait();
    return static_cast<int>(thread.result);
}

void BlockRunner::complete_barrier() {
    const Thread& first = threads_.front();
    uint64_t votes = 0;
    for (uint32_t rank = 0; rank < threads_.size(); ++rank) {
        const Thread& thread = threads_[rank];
        votes += static_cast<uint64_t>(thread.predicate);
        if (same_place(thread, first)) continue;
        report(FindingKind::barrier_divergence, rank, source_line(thread.location),
               fmt::format("waits at {} while thread {} waits at {} ({})", name_of(thread.barrier),
                           shown(first.index), name_of(first.barrier), source_line(first.location)));
        abandoned_ = true;
        return;
    }
    const uint64_t all = votes == threads_.size() ? 1 : 0;
    const uint64_t any = votes != 0 ? 1 : 0;
    const std::array<uint64_t, 4> results{0, votes, all, any};
    for (const uint32_t rank : order_) {
        threads_[rank].result = results[static_cast<size_t>(first.barrier)];
        make_ready(rank);
    }
    // Each barrier begins with another thread.
    if (grid_->settings().order == Order::shuffled) {
        const size_t turn = (barriers_passed_ * size_t{37} + 1) % ready_.size();
        std::rotate(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(turn), ready_.end());
    }
    at_barrier_ = 0;
    ++barriers_passed_;
    ++counters_.barriers;
    renew_clocks();
}

/// Only where all that the clocks have stamped is ordered without them.
void BlockRunner::renew_clocks() {
    for (WarpClocks& clocks : clocks_) {
        if (clocks.latest > latest_clock) clocks = WarpClocks{};
    }
}

uint64_t BlockRunner::warp_operation(const WarpRequest& request, const Location& location) {
    Thread& thread = threads_[rank_];
    const unsigned lane = rank_ % warp_size;
    if ((request.mask >> lane & 1u) == 0) {
        report(FindingKind::inactive_lane, source_line(location),
               fmt::format("lane {} calls {} with mask {:#010x}, which does not name it", lane,
                           name_of(request.operation), request.mask));
        abandon();
    }
    if (request.width < 1 || request.width > 32 || (request.width & (request.width - 1)) != 0) {
        report(FindingKind::inactive_lane, source_line(location),
               fmt::format("{} has width {}: it must be a power of two up to 32", name_of(request.operation),
                           request.width));
        abandon();
    }
    thread.state = State::at_warp_operation;
    thread.request = request;
    thread.location = location;
    warps_[rank_ / warp_size].waiting |= 1u << lane;
    complete_warp_operation(rank_ / warp_size, lane);
    wait();
    return thread.result;
}

/// Lets the group of `first_lane` go on if all of it is there. As on a GPU, lanes that have exited are not
/// waited for.
void BlockRunner::complete_warp_operation(unsigned warp_index, uint32_t first_lane) {
    Warp& warp = warps_[warp_index];
    const uint32_t base = warp_index * warp_size;
    const WarpRequest& request = threads_[base + first_lane].request;
    const uint32_t taking_part = request.mask & warp.existing & ~warp.exited;
    if ((warp.waiting & taking_part) != taking_part) return;
    uint64_t ballot = 0;
    for (uint32_t left = taking_part; left != 0; left &= left - 1) {
        const unsigned lane = static_cast<unsigned>(__builtin_ctz(left));
        const WarpRequest& other = threads_[base + lane].request;
        if (other.operation != request.operation || other.mask != request.mask) return;
        if (other.value != 0) ballot |= uint64_t{1} << lane;
    }
    for (uint32_t left = taking_part; left != 0; left &= left - 1) {
        const unsigned lane = static_cast<unsigned>(__builtin_ctz(left));
        Thread& thread = threads_[base + lane];
        switch (request.operation) {
            case WarpOperation::sync:
                break;
            case WarpOperation::ballot:
                thread.result = ballot;
                break;
            case WarpOperation::all:
                thread.result = ballot == taking_part ? 1 : 0;
                break;
            case WarpOperation::any:
                thread.result = ballot != 0 ? 1 : 0;
                break;
            default:
                thread.result = shuffled(thread, warp_index, lane, taking_part);
        }
        make_ready(base + lane);
    }
    if (request.operation == WarpOperation::sync) clocks_[warp_index].join(taking_part);
    warp.waiting &= ~taking_part;
    ++counters_.warp_operations;
}

/// The source lane by the formulas of PTX's shfl.sync.
uint64_t BlockRunner::shuffled(const Thread& thread, unsigned warp, unsigned lane, uint32_t taking_part) {
    const unsigned width = static_cast<unsigned>(thread.request.width);
    const unsigned argument = static_cast<unsigned>(thread.request.argument) % warp_size;
    const unsigned segment = lane & ~(width - 1);
    unsigned source = lane;
    switch (thread.request.operation) {
        case WarpOperation::shuffle:
            source = segment | (argument & (width - 1));
            break;
        case WarpOperation::shuffle_up:
            if (lane >= segment + argument) source = lane - argument;
            break;
        case WarpOperation::shuffle_down:
            if (lane + argument < segment + width) source = lane + argument;
            break;
        default:  // exclusive or: lanes of earlier segments may be read, of later ones not
            if ((lane ^ argument) < segment + width) source = lane ^ argument;
    }
    if ((taking_part >> source & 1u) != 0) return threads_[warp * warp_size + source].request.value;
    report(FindingKind::inactive_lane, warp * warp_size + lane, source_line(thread.location),
           fmt::format("lane {} reads lane {} in {} with mask {:#010x}, but that lane {}", lane, source,
                       name_of(thread.request.operation), thread.request.mask,
                       what_lane_does(warp * warp_size + source)));
    return ~uint64_t{0};
}

}  // namespace vitrine::simt
