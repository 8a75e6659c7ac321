// The checks of an access, from the commonest kind of memory to the rarest.

#include "kernels/simt/executor/observer.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/simt/executor/names.h"
#include "kernels/simt/words.h"

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

bool is_index(uintptr_t address) {
    const auto in = [&](const auto& word) {
        return address - reinterpret_cast<uintptr_t>(&word) < sizeof(word);
    };
    return in(threadIdx) || in(blockIdx) || in(blockDim) || in(gridDim) || in(fused_multiply_adds);
}

}  // namespace

Observer::Observer(BlockRunner& block, SharedMemory& shared, Counters& counters)
    : block_(block),
      shared_(shared),
      counters_(counters),
      memory_(DeviceMemory::instance()),
      program_(program_range()) {}

void Observer::begin_launch(Grid& grid) {
    grid_ = &grid;
    const uintptr_t arguments = reinterpret_cast<uintptr_t>(grid.request().arguments);
    arguments_ = {arguments, arguments + grid.request().argument_bytes};
    traffic_.begin_launch(grid);
}

void Observer::begin_block(uint64_t turn) {
    number_ = grid_->first_number() + 1 + static_cast<uint32_t>(turn);
}

void Observer::end_block() { traffic_.end_block(); }

void Observer::end_launch() {
    if (grid_->settings().count_traffic) grid_->add(traffic_.take_lines(), traffic_.sectors());
}

void Observer::access(uintptr_t address, uint32_t bytes, Access access, uintptr_t code) {
    if (block_.on_own_stack(address)) return;
    if (memory_.contains(address)) return access_global(address, bytes, access, code);
    if (shared_.in_static(address) || shared_.in_dynamic(address)) {
        SharedPiece* piece = shared_.find(address, number_);
        if (piece != nullptr) return access_shared(*piece, address, bytes, access, code);
    }
    access_elsewhere(address, bytes, access, code);
}

void Observer::access_global(uintptr_t address, uint32_t bytes, Access access, uintptr_t code) {
    if (!memory_.live(address, bytes)) {
        forbid(FindingKind::out_of_bounds, code,
               fmt::format("{} {} bytes, {}", verb(access), bytes, memory_.describe(address)));
    }
    check_alignment(address, bytes, access, code);
    if (access != Access::write) counters_.global_bytes_read += bytes;
    if (access != Access::read) counters_.global_bytes_written += bytes;
    if (grid_->settings().count_traffic) {
        traffic_.add(block_.rank(), block_.barriers_passed(), code, address, bytes, access, false);
    }
    std::optional<Stamp> earlier;
    const Accessor who = accessor(grid_->first_number(), access, code);
    GlobalShadow::instance().for_each(memory_.offset(address), bytes, [&](Cell& cell) {
        if (std::optional<Stamp> conflict = enter(cell, access, who); conflict) earlier = conflict;
    });
    if (!earlier) return;
    block_.report(FindingKind::global_race, source_line(code),
                  race_sentence(access, bytes, *earlier, memory_.place(address)));
}

void Observer::access_shared(SharedPiece& piece, uintptr_t address, uint32_t bytes, Access access,
                             uintptr_t code) {
    const size_t offset = address - piece.address;
    if (bytes > piece.bytes - offset) {
        forbid(FindingKind::out_of_bounds, code,
               fmt::format("{} {} bytes at byte {} of {}, which has {}", verb(access), bytes, offset,
                           piece.name, piece.bytes));
    }
    check_alignment(address, bytes, access, code);
    if (access != Access::write) counters_.shared_bytes_read += bytes;
    if (access != Access::read) counters_.shared_bytes_written += bytes;
    if (grid_->settings().count_traffic) {
        traffic_.add(block_.rank(), block_.barriers_passed(), code, address, bytes, access, true);
    }
    std::optional<Stamp> earlier;
    bool fresh = false;
    // Shared memory lives as long as its block: all that is older is forgotten.
    const Accessor who = accessor(number_, access, code);
    piece.cells.for_each(offset, bytes, [&](Cell& cell) {
        fresh = fresh || !written_in(cell, number_);
        if (std::optional<Stamp> conflict = enter(cell, access, who); conflict) earlier = conflict;
    });
    const std::string what = fresh || earlier ? fmt::format("byte {} of {}", offset, piece.name) : "";
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
                           bytes, address - reinterpret_cast<uintptr_t>(shared_.dynamic()),
                           grid_->request().shared_bytes));
    }
    if (arguments_.holds(address) || program_.holds(address) || is_index(address)) return;
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

void Observer::check_alignment(uintptr_t address, uint32_t bytes, Access access, uintptr_t code) {
    if (address % bytes == 0) return;
    forbid(FindingKind::misaligned, code,
           fmt::format("{} {} bytes at an address that is not a multiple of {}", verb(access), bytes, bytes));
}

Accessor Observer::accessor(uint32_t first_block, Access access, uintptr_t code) const {
    Accessor result{};
    result.stamp.block = number_;
    result.stamp.barrier = block_.barriers_passed();
    const unsigned lane = block_.lane();
    result.stamp.clock = block_.clocks().clock[lane][lane] & 0xFFFFFu;
    result.stamp.thread = block_.rank() & 0x3FFu;
    result.stamp.atomic = access == Access::atomic ? 1 : 0;
    result.stamp.code = static_cast<uint32_t>(code - program_.begin);
    result.clocks = &block_.clocks();
    result.first_block = first_block;
    return result;
}

std::string Observer::race_sentence(Access access, uint32_t bytes, const Stamp& earlier,
                                    const std::string& what) const {
    const uint32_t first = grid_->first_number();
    const std::string line = source_line(program_.begin + earlier.code);
    if (earlier.block == first) {
        return fmt::format("{} {} bytes at {}, which several other blocks access (one at {})", verb(access),
                           bytes, what, line);
    }
    const dim3& size = grid_->request().block;
    const unsigned rank = earlier.thread;
    const uint3 thread{rank % size.x, rank / size.x % size.y, rank / size.x / size.y};
    const std::string other = earlier.block == number_
                                  ? "thread " + shown(thread)
                                  : fmt::format("thread {} of block {}", shown(thread),
                                                shown(grid_->block(earlier.block - first - 1)));
    return fmt::format("{} {} bytes at {}, which {} accesses at {} with nothing to order the two",
                       verb(access), bytes, what, other, line);
}

void Observer::forbid(FindingKind kind, uintptr_t code, const std::string& message) {
    block_.report(kind, source_line(code), message);
    block_.abandon();
}

}  // namespace vitrine::simt
