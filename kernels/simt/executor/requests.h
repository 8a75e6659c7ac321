// What one request of a warp costs: sectors of global memory, passes over the banks of shared memory.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "kernels/simt/executor/sectors.h"
#include "kernels/simt/record.h"

namespace vitrine::simt {

/// Of addresses in ascending order. Each run of sectors that is touched is told to `touch`, once.
template <class F>
RequestCost sector_cost(std::span<const uintptr_t> addresses, uintptr_t bytes, F&& touch) {
    constexpr uintptr_t sector_bytes = SectorSet::sector_bytes;
    RequestCost cost;
    uintptr_t covered = 0;      // the end of what is counted
    uintptr_t next_sector = 0;  // the first that is not
    uintptr_t distinct_bytes = 0;
    for (const uintptr_t address : addresses) {
        const uintptr_t end = address + bytes;
        if (end > covered) distinct_bytes += end - std::max(address, covered);
        covered = end;
        const uintptr_t first = std::max(address / sector_bytes, next_sector);
        const uintptr_t last = (end - 1) / sector_bytes;
        if (first > last) continue;
        next_sector = last + 1;
        cost.sectors += static_cast<uint32_t>(next_sector - first);
        touch(first, last);
    }
    cost.ideal_sectors = static_cast<uint32_t>((distinct_bytes + sector_bytes - 1) / sector_bytes);
    return cost;
}

/// `addresses` has one for each of 32 lanes, of which those that are in `lanes` count.
RequestCost pass_cost(std::span<const uintptr_t, 32> addresses, uint32_t lanes, uint32_t bytes);

/// The addresses of the lanes that take part, in ascending order.
class SortedAddresses {
  public:
    SortedAddresses(std::span<const uintptr_t, 32> addresses, uint32_t lanes);
    std::span<const uintptr_t> get() const { return std::span(sorted_).first(count_); }

  private:
    std::array<uintptr_t, 32> sorted_;
    size_t count_ = 0;
};

}  // namespace vitrine::simt
