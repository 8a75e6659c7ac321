// Sums of what the executor counted: see entry.h.

#include "lab/gradcheck/report/entry.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace vitrine::gradcheck {
namespace {

double ratio(double part, double whole) { return whole > 0 ? part / whole : 1; }

void add(simt::LineTraffic& sum, const simt::LineTraffic& line) {
    sum.requests += line.requests;
    sum.bytes += line.bytes;
    sum.sectors += line.sectors;
    sum.ideal_sectors += line.ideal_sectors;
    sum.passes += line.passes;
    sum.ideal_passes += line.ideal_passes;
    sum.partial += line.partial;
}

uint64_t excess(const simt::LineTraffic& line) {
    return line.shared ? line.passes - line.ideal_passes : line.sectors - line.ideal_sectors;
}

}  // namespace

TrafficTotals& TrafficTotals::operator+=(const simt::LaunchReport& report) {
    ++launches;
    for (const simt::LineTraffic& line : report.traffic) {
        const auto line_requests = static_cast<double>(line.requests);
        (line.shared ? shared_requests : requests) += line_requests;
        (line.write ? sectors_written : sectors_read) += static_cast<double>(line.sectors);
        ideal_sectors += static_cast<double>(line.ideal_sectors);
        passes += static_cast<double>(line.passes);
        ideal_passes += static_cast<double>(line.ideal_passes);
        partial += static_cast<double>(line.partial);
    }
    barriers += static_cast<double>(report.barriers);
    asked_bytes_read += static_cast<double>(report.global_bytes_read);
    asked_bytes_written += static_cast<double>(report.global_bytes_written);
    distinct_sectors_read += static_cast<double>(report.distinct_sectors_read);
    distinct_sectors_written += static_cast<double>(report.distinct_sectors_written);
    flops += 2.0 * static_cast<double>(report.fused_multiply_adds);
    return *this;
}

double TrafficTotals::sector_ratio() const { return ratio(sectors_read + sectors_written, ideal_sectors); }
double TrafficTotals::conflict_ratio() const { return ratio(passes, ideal_passes); }
double TrafficTotals::partial_share() const {
    const double all = requests + shared_requests;
    return all > 0 ? partial / all : 0;
}

TrafficTotals totals_of(const std::vector<simt::LaunchReport>& launches) {
    TrafficTotals totals;
    for (const simt::LaunchReport& launch : launches) totals += launch;
    return totals;
}

std::vector<simt::LineTraffic> worst_lines(const std::vector<simt::LaunchReport>& launches) {
    std::map<std::tuple<std::string, bool, bool>, simt::LineTraffic> by_place;
    for (const simt::LaunchReport& launch : launches) {
        for (const simt::LineTraffic& line : launch.traffic) {
            simt::LineTraffic& sum = by_place[{line.where, line.shared, line.write}];
            sum.where = line.where;
            sum.shared = line.shared;
            sum.write = line.write;
            add(sum, line);
        }
    }
    std::vector<simt::LineTraffic> lines;
    for (auto& [place, line] : by_place) lines.push_back(std::move(line));
    std::ranges::stable_sort(lines, [](const simt::LineTraffic& a, const simt::LineTraffic& b) {
        return std::tuple(excess(b), b.sectors + b.passes) < std::tuple(excess(a), a.sectors + a.passes);
    });
    return lines;
}

}  // namespace vitrine::gradcheck
