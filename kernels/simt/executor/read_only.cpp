// Read-only memory that is written: see read_only.h.

#include "kernels/simt/executor/read_only.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "kernels/simt/executor/device_memory.h"
#include "kernels/simt/executor/grid.h"
#include "kernels/simt/executor/shadow.h"
#include "kernels/simt/executor/symbols.h"
#include "kernels/simt/executor/worker.h"
#include "kernels/simt/read_only.h"

namespace vitrine::simt {
namespace {

static_assert(read_only_page_bytes == Shadow::page_bytes);

/// Who has changed a byte in this launch.
struct Change {
    Stamp when;
    uint16_t who;
    uint32_t code;
};

Change change_of(const Cell& cell) {
    const bool atomic = (cell.shared_who & who_atomic) != 0 && cell.shared > cell.write;
    return atomic ? Change{cell.shared, cell.shared_who, cell.shared_code}
                  : Change{cell.write, cell.write_who, cell.write_code};
}

Finding finding_of(const Grid& grid, const Change& change, uintptr_t address, uint32_t reading_code) {
    const uintptr_t program = program_range().begin;
    Finding finding{
        FindingKind::read_only_written,
        {},
        {},
        source_line(program + change.code),
        fmt::format("changes {}, which {} reads as read-only memory in the same launch",
                    DeviceMemory::instance().place(address), source_line(program + reading_code))};
    const auto turn = static_cast<uint32_t>(change.when / block_unit) - grid.first_number();
    if (turn != 0) finding.block = grid.block(turn - 1);  // 0: several blocks, by atomics
    const dim3& size = grid.request().block;
    const unsigned rank = change.who & who_thread;
    finding.thread = {rank % size.x, rank / size.x % size.y, rank / size.x / size.y};
    return finding;
}

}  // namespace

ReadOnlyPages ReadOnlyReads::take() {
    if (pages_.empty()) return {};
    for (Remembered& last : last_) last = {};
    return std::exchange(pages_, {});
}

ReadOnlyPage& ReadOnlyReads::find(uint64_t key) {
    const Unobserved unobserved;
    return pages_[key];
}

void add(ReadOnlyPages& sum, ReadOnlyPages pages) {
    if (sum.empty()) std::swap(sum, pages);
    for (const auto& [key, page] : pages) {
        ReadOnlyPage& all = sum[key];
        for (size_t i = 0; i < std::size(all.read); ++i) all.read[i] |= page.read[i];
    }
}

void report_written(const ReadOnlyPages& pages, Grid& grid) {
    const Stamp launch = grid.first_number() * block_unit;
    const Shadow::Page* const shadow = global_shadow().directory();
    for (const auto& [key, page] : pages) {
        const Shadow::Page& cells = shadow[key >> 32];
        if (cells.cells == nullptr) continue;
        for (uint32_t at = 0; at < read_only_page_bytes; ++at) {
            if ((page.read[at / 64] >> at % 64 & 1) == 0) continue;
            const Change change = change_of(cells.cells[at >> cells.shift]);
            if (change.when < launch) continue;
            const uintptr_t address =
                DeviceMemory::instance().base() + (key >> 32) * read_only_page_bytes + at;
            grid.add(finding_of(grid, change, address, static_cast<uint32_t>(key)));
            break;
        }
    }
}

void announce_read_only(const void* address, uint32_t bytes) {
    if (running_observer == nullptr) return;
    running_observer->observe_read_only(reinterpret_cast<uintptr_t>(address), bytes,
                                        reinterpret_cast<uintptr_t>(__builtin_return_address(0)));
}

}  // namespace vitrine::simt
