// The checks of an access, from the commonest kind of memory to the rarest.

#include "kernels/simt/executor/observer.h"

#include <fmt/format.h>

#include "kernels/simt/arithmetic.h"
#include "kernels/simt/executor/indices.h"
#include "kernels/simt/executor/names.h"
#include "kernels/simt/executor/worker.h"

namespace vitrine::simt {
namespace {

const char* verb(Access access) {
    switch (access) {
        case Access::read:
            return "reads";
        case Access::write:
            return "writes";
        default:
            return "atomically changes";
    }
}

/// Variables of the OS thread that are not shared memory.
bool is_executors_own(uintptr_t address) {
    const auto in = [&](const auto& word) {
        return address - reinterpret_cast<uintptr_t>(&word) < sizeof(word);
    };
    return in(threadIdx) || in(blockIdx) || in(blockDim) || in(gridDim) || in(fused_multiply_adds);
}

}  // namespace

Observer::Observer(BlockRunner& block, SharedMemory& shared, Counters& counters)
    : now_(block.now()),
      device_begin_(DeviceMemory::instance().base()),
      live_in_granule_(DeviceMemory::instance().live_in_granule()),
      global_pages_(global_shadow().directory()),
      static_begin_(shared.static_begin()),
      static_bytes_(shared.static_bytes()),
      static_pages_(shared.static_shadow().directory()),
      dynamic_begin_(reinterpret_cast<uintptr_t>(shared.dynamic())),
      dynamic_pages_(shared.dynamic_shadow().directory()),
      block_(block),
      shared_(shared),
      counters_(counters),
      memory_(DeviceMemory::instance()),
      program_(program_range()),
      variables_(program_variable_range()) {}

void Observer::begin_launch(Grid& grid) {
    grid_ = &grid;
    arguments_ = reinterpret_cast<uintptr_t>(grid.request().arguments);
    argument_bytes_ = grid.request().argument_bytes;
    dynamic_bytes_ = grid.request().shared_bytes;
    piece_bytes_ = 0;
    atomic_bytes_ = changes_ = 0;
    several_workers_ = &grid.several_workers();
    count_traffic_ = grid.settings().count_traffic;
    if (count_traffic_) traffic_.begin_launch(grid);
}

void Observer::end_launch() {
    grid_->add(read_only_.take());
    if (count_traffic_) grid_->add(traffic_.take_lines(), traffic_.sectors());
}

void Observer::observe_slowly(uintptr_t address, uint32_t bytes, Access access, uintptr_t code) {
    const Unobserved unobserved;
    if (Fiber::on_own_stack(address)) return;
    if (memory_.contains(address)) return access_global(address, bytes, access, code);
    if (shared_.in_static(address) || shared_.in_dynamic(address)) {
        const SharedPiece* piece = shared_.find(address);
        if (piece != nullptr) return access_shared(*piece, address, bytes, access, code);
    }
    access_elsewhere(address, bytes, access, code);
}

void Observer::count(Memory memory, uintptr_t address, uint32_t bytes, Access access, uintptr_t code) {
    const bool shared = memory == Memory::shared;
    if (access != Access::write) {
        (shared ? counters_.shared_bytes_read : counters_.global_bytes_read) += bytes;
    }
    if (access != Access::read) {
        (shared ? counters_.shared_bytes_written : counters_.global_bytes_written) += bytes;
    }
    if (access == Access::atomic) atomic_bytes_ += bytes;
    if (count_traffic_) traffic_.add(now_.rank, code, address, bytes, access, shared);
}

void Observer::look_in_vain(uintptr_t address, uintptr_t code) {
    const uint64_t written =
        counters_.global_bytes_written + counters_.shared_bytes_written - atomic_bytes_ + changes_;
    if (!patience_.ends(now_.block_begin + now_.rank, address, written, *several_workers_)) return;
    const Unobserved unobserved;
    forbid(FindingKind::deadlock, code,
           "looks at the same word for ever: what it waits for is done by no thread that runs before it has "
           "gone on (blocks run one after another here, and in no promised order on a GPU)");
}

void Observer::access_global(uintptr_t address, uint32_t bytes, Access access, uintptr_t code) {
    if (!memory_.live(address, bytes)) {
        forbid(FindingKind::out_of_bounds, code,
               fmt::format("{} {} bytes, {}", verb(access), bytes, memory_.describe(address)));
    }
    check_alignment(address, bytes, access, code);
    count(Memory::global, address, bytes, access, code);
    const auto earlier = enter_cells(global_shadow(), address, bytes, access, code);
    if (!earlier) return;
    block_.report(FindingKind::global_race, source_line(code),
                  race_sentence(access, bytes, *earlier, memory_.place(address)));
}

/// A __device__ variable.
void Observer::access_variable(uintptr_t address, uint32_t bytes, Access access, uintptr_t code) {
    check_alignment(address, bytes, access, code);
    const auto earlier = enter_cells(variable_shadow(), address, bytes, access, code);
    if (!earlier) return;
    const std::string name = function_name(reinterpret_cast<const void*>(address));
    block_.report(FindingKind::global_race, source_line(code),
                  race_sentence(access, bytes, *earlier, "variable " + name));
}

/// Enters an access to memory that all blocks have, and returns an earlier one that it races with.
std::optional<Earlier> Observer::enter_cells(Shadow& shadow, uintptr_t address, uint32_t bytes, Access access,
                                             uintptr_t code) {
    if (access == Access::write) block_.fences().plain_write(address, bytes);
    std::optional<Earlier> earlier;
    // The hooks take the same locks.
    const PageLock lock((address - device_begin_) / Shadow::page_bytes, *several_workers_);
    shadow.for_each(address, bytes, [&](Cell& cell, uintptr_t, size_t) {
        if (const auto conflict = enter(cell, access, now_, short_code(code)); conflict) earlier = conflict;
    });
    return earlier;
}

void Observer::access_shared(const SharedPiece& piece, uintptr_t address, uint32_t bytes, Access access,
                             uintptr_t code) {
    const size_t offset = address - piece.address;
    if (bytes > piece.bytes - offset) {
        forbid(FindingKind::out_of_bounds, code,
               fmt::format("{} {} bytes at byte {} of {}, which has {}", verb(access), bytes, offset,
                           piece.name, piece.bytes));
    }
    check_alignment(address, bytes, access, code);
    count(Memory::shared, address, bytes, access, code);
    if (access == Access::write) block_.fences().plain_write(address, bytes);
    if (shared_.in_static(address)) {
        piece_begin_ = piece.address;
        piece_bytes_ = piece.bytes;
    }
    const Now now = now_.in_shared_memory();
    std::optional<Earlier> earlier;
    std::optional<Earlier> copy;
    bool fresh = false;
    // Without the hooks atomics come here, but the plain writes before them were not seen.
    const bool writes_are_seen = grid_->request().hooked;
    Shadow& shadow = shared_.in_dynamic(address) ? shared_.dynamic_shadow() : shared_.static_shadow();
    shadow.for_each(address, bytes, [&](Cell& cell, uintptr_t first, size_t size) {
        if (cell.write == now.in_flight()) {
            copy = {static_cast<uint32_t>(now.when / block_unit), cell.write_who, cell.write_code};
            return;
        }
        if (writes_are_seen && !written_in_block(cell, now)) {
            fresh = true;
            if (access != Access::write) SharedMemory::poison(first, size);
        }
        if (const auto conflict = enter(cell, access, now, short_code(code)); conflict) earlier = conflict;
    });
    if (!fresh && !earlier && !copy) return;
    const std::string what = fmt::format("byte {} of {}", offset, piece.name);
    if (copy) {
        block_.report(
            FindingKind::copy_in_flight, source_line(code),
            fmt::format(
                "{} {} bytes at {}, to which {} copies asynchronously at {} and has not waited for it",
                verb(access), bytes, what, shown_thread(*copy), source_line(program_.begin + copy->code)));
    }
    if (fresh && access != Access::write) {
        block_.report(FindingKind::uninitialised_shared, source_line(code),
                      fmt::format("{} {} bytes at {}, which no thread of this block has written",
                                  verb(access), bytes, what));
    }
    if (!earlier) return;
    block_.report(FindingKind::shared_race, source_line(code), race_sentence(access, bytes, *earlier, what));
}

/// The thread's own indices, its arguments and the program's tables are fine; all else a GPU could not reach.
void Observer::access_elsewhere(uintptr_t address, uint32_t bytes, Access access, uintptr_t code) {
    if (shared_.in_dynamic(address)) {
        forbid(FindingKind::out_of_bounds, code,
               fmt::format("{} {} bytes at byte {} of dynamic shared memory, which has {}", verb(access),
                           bytes, address - dynamic_begin_, dynamic_bytes_));
    }
    if (variables_.holds(address)) return access_variable(address, bytes, access, code);
    if (address - arguments_ < argument_bytes_ || program_.holds(address) || is_executors_own(address)) {
        return;
    }
    if (shared_.in_static(address)) {
        // In a stripped program shared variables are not known from others.
        if (shared_variables().empty() || shared_.is_guard(address)) return;
        forbid(FindingKind::out_of_bounds, code,
               fmt::format("{} {} bytes beside the shared variables", verb(access), bytes));
    }
    forbid(
        FindingKind::host_memory, code,
        fmt::format("{} {} bytes that are not the device's: a pointer into the host's memory, or a wild one",
                    verb(access), bytes));
}

void Observer::require_shared(uintptr_t address, uintptr_t code, const char* who) {
    if (shared_.in_static(address) || shared_.in_dynamic(address)) return;
    forbid(FindingKind::out_of_bounds, code,
           fmt::format("{} shared memory, and this address is not of it: {}", who,
                       memory_.live(address, 1) ? memory_.place(address) : "a wild one"));
}

void Observer::observe_row(uintptr_t address, uintptr_t code) {
    require_shared(address, code, "ldmatrix reads");
    observe_slowly(address, 16, Access::read, code);
}

void Observer::check_alignment(uintptr_t address, uint32_t bytes, Access access, uintptr_t code) {
    if (address % bytes == 0) return;
    forbid(FindingKind::misaligned, code,
           fmt::format("{} {} bytes at an address that is not a multiple of {}", verb(access), bytes, bytes));
}

std::string Observer::shown_thread(const Earlier& earlier) const {
    const dim3& size = grid_->request().block;
    const unsigned rank = earlier.thread;
    return "thread " + shown({rank % size.x, rank / size.x % size.y, rank / size.x / size.y});
}

std::string Observer::race_sentence(Access access, uint32_t bytes, const Earlier& earlier,
                                    const std::string& what) const {
    const uint32_t first = grid_->first_number();
    const std::string line = source_line(program_.begin + earlier.code);
    if (earlier.block == first) {
        return fmt::format("{} {} bytes at {}, which several other blocks access (one at {})", verb(access),
                           bytes, what, line);
    }
    const bool same_block = earlier.block == static_cast<uint32_t>(now_.when / block_unit);
    const std::string other = same_block ? shown_thread(earlier)
                                         : fmt::format("{} of block {}", shown_thread(earlier),
                                                       shown(grid_->block(earlier.block - first - 1)));
    return fmt::format("{} {} bytes at {}, which {} accesses at {} with nothing to order the two",
                       verb(access), bytes, what, other, line);
}

void Observer::forbid(FindingKind kind, uintptr_t code, const std::string& message) {
    block_.report(kind, source_line(code), message);
    block_.abandon();
}

}  // namespace vitrine::simt
