// The report as text and as JSON: see render.h.

#include "tools/gradcheck/report/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace vitrine::gradcheck {
namespace {

/// Launches with the time that the roofline allows each of them.
struct Timed {
    TrafficTotals totals;
    double seconds = 0;         // of what the requests move
    double cached_seconds = 0;  // of what a perfect cache would leave

    void add(const simt::LaunchReport& launch, const Gpu& gpu, DType dtype) {
        TrafficTotals one;
        one += launch;
        totals += launch;
        seconds += roofline_seconds(gpu, dtype, one.flops, one.bytes());
        cached_seconds += roofline_seconds(gpu, dtype, one.flops, one.distinct_bytes());
    }
};

Timed timed(const ReportEntry& entry, const Gpu& gpu) {
    Timed sum;
    for (const simt::LaunchReport& launch : entry.launches) sum.add(launch, gpu, entry.dtype);
    return sum;
}

/// The launches of one kernel with one shape of grid.
struct KernelLaunches {
    std::string kernel;
    dim3 grid, block;
    Timed timed{};
};

std::vector<KernelLaunches> by_kernel(const ReportEntry& entry, const Gpu& gpu) {
    std::vector<KernelLaunches> groups;
    for (const simt::LaunchReport& launch : entry.launches) {
        const auto same = [&](const KernelLaunches& group) {
            return group.kernel == launch.kernel && group.grid.x == launch.grid.x &&
                   group.grid.y == launch.grid.y && group.grid.z == launch.grid.z;
        };
        auto group = std::ranges::find_if(groups, same);
        if (group == groups.end()) group = groups.insert(group, {launch.kernel, launch.grid, launch.block});
        group->timed.add(launch, gpu, entry.dtype);
    }
    return groups;
}

std::string extents(const dim3& d) {
    std::string text = fmt::format("{}", d.x);
    if (d.y > 1 || d.z > 1) text += fmt::format("x{}", d.y);
    if (d.z > 1) text += fmt::format("x{}", d.z);
    return text;
}

std::string columns(const Timed& timed) {
    const TrafficTotals& t = timed.totals;
    return fmt::format(
        "{:>9.0f} {:>7.2f} {:>7.2f} {:>6.1f}% {:>8.0f} {:>9.3f} {:>9.3f} {:>9.3f} {:>9.2f} {:>8.2f} {:>8.2f}",
        t.requests, t.sector_ratio(), t.conflict_ratio(), 100 * t.partial_share(), t.barriers,
        t.bytes_read() / 1e6, t.bytes_written() / 1e6, t.distinct_bytes() / 1e6, t.flops / 1e6,
        1e6 * timed.cached_seconds, 1e6 * timed.seconds);
}

std::string header() {
    return fmt::format(
        "    {:<44} {:>12} {:>5} {:>4} {:>9} {:>7} {:>7} {:>7} {:>8} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8}\n",
        "launched", "grid", "block", "n", "requests", "sectors", "banks", "partial", "barriers", "MB read",
        "MB wrote", "MB once", "MFLOP", "us once", "us");
}

std::string line_text(const simt::LineTraffic& line) {
    const char* memory = line.shared ? "shared" : "global";
    const uint64_t actual = line.shared ? line.passes : line.sectors;
    const uint64_t ideal = line.shared ? line.ideal_passes : line.ideal_sectors;
    return fmt::format(
        "        {:<52} {} {:<5} {:>9} requests {:>10} {} for {:>10} ({:.2f}), {:.1f}% partial\n", line.where,
        memory, line.write ? "write" : "read", line.requests, actual, line.shared ? "passes " : "sectors",
        ideal, ideal > 0 ? static_cast<double>(actual) / static_cast<double>(ideal) : 1.0,
        100.0 * static_cast<double>(line.partial) / static_cast<double>(line.requests));
}

nlohmann::json to_object(const Timed& timed) {
    const TrafficTotals& t = timed.totals;
    return {{"launches", t.launches},
            {"requests", t.requests},
            {"sectors_read", t.sectors_read},
            {"sectors_written", t.sectors_written},
            {"ideal_sectors", t.ideal_sectors},
            {"shared_requests", t.shared_requests},
            {"passes", t.passes},
            {"ideal_passes", t.ideal_passes},
            {"partial_requests", t.partial},
            {"barriers", t.barriers},
            {"asked_bytes_read", t.asked_bytes_read},
            {"asked_bytes_written", t.asked_bytes_written},
            {"bytes_read", t.bytes_read()},
            {"bytes_written", t.bytes_written()},
            {"distinct_bytes", t.distinct_bytes()},
            {"flops", t.flops},
            {"seconds_if_cached", timed.cached_seconds},
            {"seconds", timed.seconds}};
}

nlohmann::json to_object(const simt::LineTraffic& line) {
    return {{"where", line.where},
            {"memory", line.shared ? "shared" : "global"},
            {"write", line.write},
            {"requests", line.requests},
            {"bytes", line.bytes},
            {"sectors", line.sectors},
            {"ideal_sectors", line.ideal_sectors},
            {"passes", line.passes},
            {"ideal_passes", line.ideal_passes},
            {"partial_requests", line.partial}};
}

double least_seconds(const ReportEntry& entry, const Gpu& gpu) {
    return roofline_seconds(gpu, entry.dtype, entry.least.flops, entry.least.bytes());
}

}  // namespace

std::string report_text(const ReportEntry& entry, const Gpu& gpu, bool lines) {
    const TrafficTotals all = totals_of(entry.launches);
    std::string text = entry.kernel;
    if (!entry.implementation.empty()) text += "  " + entry.implementation;
    text += fmt::format("  {}  [{}]", name_of(entry.dtype), entry.shape);
    if (entry.times > 1) text += fmt::format("  {} times", entry.times);
    text += fmt::format(
        "\n    least {:.3f} MB, {:.2f} MFLOP, {:.2f} us on {} ({}); moved {:.2f} times the least, once each "
        "{:.2f}\n",
        entry.least.bytes() / 1e6, entry.least.flops / 1e6, 1e6 * least_seconds(entry, gpu), gpu.name,
        roofline_bound(gpu, entry.dtype, entry.least.flops, entry.least.bytes()),
        all.bytes() / entry.least.bytes(), all.distinct_bytes() / entry.least.bytes());
    text += header();
    for (const KernelLaunches& group : by_kernel(entry, gpu)) {
        text += fmt::format("    {:<44} {:>12} {:>5} {:>4} {}\n", group.kernel, extents(group.grid),
                            extents(group.block), group.timed.totals.launches, columns(group.timed));
    }
    if (!lines) return text;
    for (const simt::LineTraffic& line : worst_lines(entry.launches)) text += line_text(line);
    return text;
}

std::string report_json(const ReportEntry& entry, const Gpu& gpu, bool lines) {
    nlohmann::json object{{"kernel", entry.kernel},
                          {"implementation", entry.implementation},
                          {"type", name_of(entry.dtype)},
                          {"shape", entry.shape},
                          {"times", entry.times},
                          {"gpu", gpu.name},
                          {"least",
                           {{"bytes", entry.least.bytes()},
                            {"flops", entry.least.flops},
                            {"seconds", least_seconds(entry, gpu)}}},
                          {"all", to_object(timed(entry, gpu))}};
    for (const KernelLaunches& group : by_kernel(entry, gpu)) {
        nlohmann::json launches = to_object(group.timed);
        launches["kernel"] = group.kernel;
        launches["grid"] = {group.grid.x, group.grid.y, group.grid.z};
        launches["block"] = {group.block.x, group.block.y, group.block.z};
        object["launched"].push_back(std::move(launches));
    }
    if (lines) {
        for (const simt::LineTraffic& line : worst_lines(entry.launches))
            object["lines"].push_back(to_object(line));
    }
    return object.dump();
}

std::string summary_text(const std::vector<ReportEntry>& entries, const Gpu& gpu) {
    struct Row {
        std::string kernel;
        int calls = 0;
        double least_seconds = 0;
        LeastCost least;
        Timed timed;
    };
    std::vector<Row> rows;
    for (const ReportEntry& entry : entries) {
        auto row = std::ranges::find(rows, entry.kernel, &Row::kernel);
        if (row == rows.end()) row = rows.insert(row, {entry.kernel, 0, 0, {}, {}});
        row->calls += entry.times;
        row->least += entry.least;
        row->least_seconds += least_seconds(entry, gpu);
        for (const simt::LaunchReport& launch : entry.launches) row->timed.add(launch, gpu, entry.dtype);
    }
    std::ranges::stable_sort(rows, std::greater{}, [](const Row& row) { return row.timed.seconds; });
    std::string text = fmt::format("{:<34} {:>5} {:>8} {:>8} {:>7} {:>10} {:>10} {:>10} {:>9} {:>9} {:>9}\n",
                                   "kernel", "calls", "launches", "sectors", "banks", "MB least", "MB once",
                                   "MB moved", "us least", "us once", "us");
    for (const Row& row : rows) {
        const TrafficTotals& t = row.timed.totals;
        text += fmt::format(
            "{:<34} {:>5} {:>8} {:>8.2f} {:>7.2f} {:>10.2f} {:>10.2f} {:>10.2f} {:>9.1f} {:>9.1f} {:>9.1f}\n",
            row.kernel, row.calls, t.launches, t.sector_ratio(), t.conflict_ratio(), row.least.bytes() / 1e6,
            t.distinct_bytes() / 1e6, t.bytes() / 1e6, 1e6 * row.least_seconds,
            1e6 * row.timed.cached_seconds, 1e6 * row.timed.seconds);
    }
    return text;
}

}  // namespace vitrine::gradcheck
