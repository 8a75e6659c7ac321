// The scheduler of a block.

#include "kernels/simt/executor/block.h"

#include <fmt/format.h>

#include <stdexcept>

#include "kernels/simt/executor/indices.h"
#include "kernels/simt/executor/names.h"
#include "kernels/simt/executor/observer.h"
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

constexpr uint32_t warp_size = 32;
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

inline void BlockRunner::select(uint32_t rank) {
    const Thread& thread = threads_[rank];
    threadIdx = thread.index;
    now_.rank = rank;
    now_.lane_bit = 1u << rank % warp_size;
    now_.when = now_.block_begin + (thread.clock > now_.interval_start ? thread.clock : now_.interval_start);
    now_.clocks = &clocks_[rank / warp_size];
    now_.set_before = now_.set_after = 0;
}

/// Hands over to a thread that may go on, or else to one that has not started. If there is neither, the
/// scheduler finds out why.
inline void BlockRunner::wait() {
    Fiber& own = *threads_[now_.rank].fiber;
    if (ready_count_ != 0 && !abandoned_) {
        const uint32_t next = take_ready();
        select(next);
        Fiber& other = *threads_[next].fiber;
        if (&other != &own) own.switch_to(other);
    } else if (next_ < count_ && !abandoned_) {
        own.switch_to(idle_fiber());
    } else {
        own.suspend();
    }
}

void BlockRunner::abandon() {
    abandoned_ = true;
    wait();
    __builtin_unreachable();
}

inline uint32_t BlockRunner::take_ready() {
    const uint32_t rank = ready_[first_ready_];
    if (++first_ready_ == count_) first_ready_ = 0;
    if (--ready_count_ != 0) threads_[ready_[first_ready_]].fiber->expect();
    return rank;
}

inline void BlockRunner::make_ready(uint32_t rank) {
    uint32_t place = first_ready_ + ready_count_++;
    if (place >= count_) place -= count_;
    ready_[place] = rank;
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

uint64_t BlockRunner::warp_operation(const WarpRequest& request, Location location) {
    const uint32_t rank = now_.rank;
    if ((request.mask & now_.lane_bit) == 0 || request.width < 1 || request.width > 32 ||
        (request.width & (request.width - 1)) != 0) {
        refuse(request, location);
    }
    Thread& thread = threads_[rank];
    thread.state = State::at_warp_operation;
    thread.request = request;
    thread.location = location;
    warps_[rank / warp_size].waiting |= now_.lane_bit;
    complete_warp_operation(rank / warp_size, rank % warp_size);
    wait();
    return thread.request.value;
}

void BlockRunner::refuse(const WarpRequest& request, Location location) {
    const Unobserved unobserved;
    if ((request.mask & now_.lane_bit) == 0) {
        report(FindingKind::inactive_lane, source_line(location),
               fmt::format("lane {} calls {} with mask {:#010x}, which does not name it",
                           now_.rank % warp_size, name_of(request.operation), request.mask));
    } else {
        report(FindingKind::inactive_lane, source_line(location),
               fmt::format("{} has width {}: it must be a power of two up to 32", name_of(request.operation),
                           request.width));
    }
    abandon();
}

/// Lets the group of `first_lane` go on if all of it is there. As on a GPU, lanes that have exited are not
/// waited for.
void BlockRunner::complete_warp_operation(uint32_t warp_index, uint32_t first_lane) {
    Warp& warp = warps_[warp_index];
    Thread* const threads = threads_.get() + warp_index * warp_size;
    const WarpRequest request = threads[first_lane].request;
    const uint32_t taking_part = request.mask & warp.existing & ~warp.exited;
    if ((warp.waiting & taking_part) != taking_part) return;
    uint32_t ballot = 0;
    uint64_t values[warp_size];
    for (uint32_t left = taking_part; left != 0; left &= left - 1) {
        const auto lane = static_cast<uint32_t>(__builtin_ctz(left));
        const WarpRequest& other = threads[lane].request;
        if (other.operation != request.operation || other.mask != request.mask) return;
        values[lane] = other.value;
        if (other.value != 0) ballot |= 1u << lane;
    }
    if (request.operation == WarpOperation::sync) synchronise_lanes(warp_index, taking_part);
    for (uint32_t left = taking_part; left != 0; left &= left - 1) {
        const auto lane = static_cast<uint32_t>(__builtin_ctz(left));
        const uint32_t rank = warp_index * warp_size + lane;
        uint64_t& result = threads[lane].request.value;
        switch (request.operation) {
            case WarpOperation::sync:
                break;
            case WarpOperation::ballot:
                result = ballot;
                break;
            case WarpOperation::all:
                result = ballot == taking_part ? 1 : 0;
                break;
            case WarpOperation::any:
                result = ballot != 0 ? 1 : 0;
                break;
            default:
                result = shuffled(rank, values, taking_part);
        }
        threads[lane].state = State::ready;
        make_ready(rank);
    }
    warp.waiting &= ~taking_part;
    ++counters_.warp_operations;
}

void BlockRunner::synchronise_lanes(uint32_t warp, uint32_t lanes) {
    const uint32_t clock = clocks_[warp].join(lanes, now_.interval_start);
    if (clock > latest_clock_) latest_clock_ = clock;
    for (uint32_t left = lanes; left != 0; left &= left - 1) {
        threads_[warp * warp_size + static_cast<uint32_t>(__builtin_ctz(left))].clock = clock;
    }
    if (!fences_.at_work()) return;
    const Unobserved unobserved;
    fences_.synchronise_lanes(warp * warp_size, lanes);
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

/// The source lane by the formulas of PTX's shfl.sync.
inline uint64_t BlockRunner::shuffled(uint32_t rank, const uint64_t* values, uint32_t taking_part) {
    const WarpRequest& request = threads_[rank].request;
    const uint32_t lane = rank % warp_size;
    const auto width = static_cast<uint32_t>(request.width);
    const uint32_t argument = static_cast<uint32_t>(request.argument) % warp_size;
    const uint32_t segment = lane & ~(width - 1);
    uint32_t source = lane;
    switch (request.operation) {
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
    if ((taking_part >> source & 1u) != 0) return values[source];
    report_inactive(rank, source);
    return ~uint64_t{0};
}

void BlockRunner::report_inactive(uint32_t rank, uint32_t source) {
    const Unobserved unobserved;
    const Thread& thread = threads_[rank];
    report(FindingKind::inactive_lane, rank, source_line(thread.location),
           fmt::format("lane {} reads lane {} in {} with mask {:#010x}, but that lane {}", rank % warp_size,
                       source, name_of(thread.request.operation), thread.request.mask,
                       what_lane_does(rank / warp_size * warp_size + source)));
}

namespace {

BlockRunner& running() {
    if (running_block == nullptr) throw std::logic_error("a CUDA word was used outside of a kernel");
    return *running_block;
}

}  // namespace

int block_barrier(Barrier kind, int predicate, Location location) {
    return running().block_barrier(kind, predicate, location);
}

uint64_t warp_operation(WarpOperation operation, unsigned mask, uint64_t value, int argument, int width,
                        Location location) {
    return running().warp_operation({operation, mask, value, argument, width}, location);
}

}  // namespace vitrine::simt
