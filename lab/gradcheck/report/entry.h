// What the report is made of: one entry for a call of a kernel (with all launches that it makes), and the
// sums of what the executor counted.
#pragma once

#include <string>
#include <vector>

#include "kernels/cost.h"
#include "kernels/dtype.h"
#include "kernels/simt/report.h"

namespace vitrine::gradcheck {

struct ReportEntry {
    std::string kernel;          // as in kernels.def
    std::string implementation;  // empty where the table chose it
    DType dtype = DType::f32;
    std::string shape;
    int times = 1;  // how many calls the launches and the least cost are the sum of
    Cost least;
    std::vector<simt::LaunchReport> launches;
};

/// Sums over launches. A sector is 32 bytes of global memory, a pass one reading of the 32 banks of shared
/// memory.
struct TrafficTotals {
    static constexpr double sector_bytes = 32;

    int launches = 0;
    double requests = 0;  // of warps, to global memory
    double sectors_read = 0, sectors_written = 0, ideal_sectors = 0;
    double shared_requests = 0, passes = 0, ideal_passes = 0;
    double partial = 0;  // requests of either kind in which not every lane takes part
    double barriers = 0;
    double asked_bytes_read = 0, asked_bytes_written = 0;  // of global memory, each lane's
    double distinct_sectors_read = 0, distinct_sectors_written = 0;
    double flops = 0;  // two for each fused multiply-add

    TrafficTotals& operator+=(const simt::LaunchReport& report);

    /// What the requests move: a sector counts once for each request that touches it, as if nothing were
    /// cached.
    double bytes_read() const { return sectors_read * sector_bytes; }
    double bytes_written() const { return sectors_written * sector_bytes; }
    double bytes() const { return bytes_read() + bytes_written(); }
    /// What a cache that holds everything would move: each sector once a launch.
    double distinct_bytes() const {
        return (distinct_sectors_read + distinct_sectors_written) * sector_bytes;
    }
    /// 1 is the best for both; 1 where there is no request.
    double sector_ratio() const;
    double conflict_ratio() const;
    /// The share of requests in which not every lane takes part.
    double partial_share() const;
};

TrafficTotals totals_of(const std::vector<simt::LaunchReport>& launches);

/// The source lines of all launches together, the worst first: the one with the most sectors and passes
/// beyond the ideal.
std::vector<simt::LineTraffic> worst_lines(const std::vector<simt::LaunchReport>& launches);

}  // namespace vitrine::gradcheck
