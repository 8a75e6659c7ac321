// The common cases of an access, each of them a dozen instructions; whatever is special is left to
// Observer::observe_slowly. Nearly all of the time that checking a kernel takes is spent here.
//
// No standard library in these functions: its templates may share machine code with the kernels', which is
// observed.
#pragma once

#include "kernels/simt/executor/observer.h"

#define VITRINE_ALWAYS_INLINE inline __attribute__((always_inline))

namespace vitrine::simt {

/// Calls f for each of a page's cells for an access that is aligned to its size, as long as f returns true.
/// Returns whether it did for all; false if the page does not have the cells that suit such an access: a cell
/// a word, or for narrower ones a cell a byte.
template <uint32_t bytes, class F>
VITRINE_ALWAYS_INLINE bool for_each_cell(const Shadow::Page* directory, size_t offset, F&& f) {
    constexpr uint32_t shift = bytes >= 4 ? 2 : 0;
    const Shadow::Page& page = directory[offset / Shadow::page_bytes];
    if (page.cells == nullptr || page.shift != shift) return false;
    Cell* const cells = page.cells + (offset % Shadow::page_bytes >> shift);
    for (uint32_t i = 0; i < bytes >> shift; ++i) {
        if (!f(cells[i])) return false;
    }
    return true;
}

template <uint32_t bytes, Access access>
VITRINE_ALWAYS_INLINE void Observer::count(Memory memory, uintptr_t address, uintptr_t code) {
    if (memory == Memory::global) {
        (access == Access::read ? counters_.global_bytes_read : counters_.global_bytes_written) += bytes;
    } else {
        (access == Access::read ? counters_.shared_bytes_read : counters_.shared_bytes_written) += bytes;
    }
    if (count_traffic_) {
        traffic_.add(now_.rank, code, address, bytes, access, memory == Memory::shared);
    }
}

template <uint32_t bytes, Access access>
VITRINE_ALWAYS_INLINE bool Observer::observe_global(uintptr_t address, uintptr_t code) {
    const size_t offset = address - device_begin_;
    constexpr size_t granule = DeviceMemory::alignment;
    if (offset % granule + bytes > live_in_granule_[offset / granule]) return false;
    const PageLock lock(offset / Shadow::page_bytes, *several_workers_);
    return for_each_cell<bytes>(
        global_pages_, offset, [&](Cell & cell) __attribute__((always_inline)) {
            return access == Access::read ? enter_read(cell, now_, now_.past, short_code(code))
                                          : enter_write(cell, now_, now_.past, short_code(code));
        });
}

/// The first write of a block to static shared memory must show that there is a variable.
template <uint32_t bytes, Access access>
VITRINE_ALWAYS_INLINE bool Observer::observe_shared(const Shadow::Page* directory, size_t offset,
                                                    bool known_variable, uintptr_t code) {
    return for_each_cell<bytes>(
        directory, offset, [&](Cell & cell) __attribute__((always_inline)) {
            if (access == Access::read) return enter_shared_read(cell, now_, short_code(code));
            return (known_variable || now_.of_this_block(cell.write)) &&
                   enter_write(cell, now_, now_.block_begin, short_code(code));
        });
}

template <uint32_t bytes, Access access>
VITRINE_ALWAYS_INLINE void Observer::observe(uintptr_t address, uintptr_t code) {
    static_assert(access != Access::atomic, "atomics are always special");
    const bool aligned = address % bytes == 0;
    if (address - device_begin_ < DeviceMemory::capacity) {
        if (aligned && observe_global<bytes, access>(address, code)) {
            return count<bytes, access>(Memory::global, address, code);
        }
    } else if (address - static_begin_ < static_bytes_) {
        const bool known =
            address - piece_begin_ < piece_bytes_ && bytes <= piece_bytes_ - (address - piece_begin_);
        if (aligned && observe_shared<bytes, access>(static_pages_, address - static_begin_, known, code)) {
            return count<bytes, access>(Memory::shared, address, code);
        }
    } else if (address - dynamic_begin_ < dynamic_bytes_) {
        const size_t offset = address - dynamic_begin_;
        if (aligned && bytes <= dynamic_bytes_ - offset &&
            observe_shared<bytes, access>(dynamic_pages_, offset, true, code)) {
            return count<bytes, access>(Memory::shared, address, code);
        }
    } else if (Fiber::on_own_stack(address) || address - arguments_ < argument_bytes_) {
        return;
    }
    observe_slowly(address, bytes, access, code);
}

}  // namespace vitrine::simt
