// The report as text and as JSON: see render.h.

#include "lab/gradcheck/report/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace vitrine::gradcheck {
namespace {

constexpr size_t name_width = 44;

double blocks_of(const dim3& grid) { return static_cast<double>(grid.x) * grid.y * grid.z; }

/// Launches with the time that the roofline allows each of them on the multiprocessors that it fills.
struct Timed {
    TrafficTotals totals;
    double seconds = 0;         // of what the requests move
    double cached_seconds = 0;  // of what a perfect cache would leave

    void add(const simt::LaunchReport& launch, const Gpu& gpu, DType dtype) {
        TrafficTotals one;
        one += launch;
        totals += launch;
        const double blocks = blocks_of(launch.grid);
        seconds += launch_seconds(gpu, dtype, one.flops, one.bytes(), blocks);
        cached_seconds += launch_seconds(gpu, dtype, one.flops, one.distinct_bytes(), blocks);
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
    std::vector<simt::LaunchReport> launches{};
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
        group->launches.push_back(launch);
    }
    return groups;
}

/// Without the namespaces that all kernels share.
std::string short_name(std::string name) {
    for (const std::string_view noise : {"vitrine::simt::", "vitrine::", "(anonymous namespace)::"}) {
        for (size_t at = name.find(noise); at != name.npos; at = name.find(noise))
            name.erase(at, noise.size());
    }
    for (size_t at = name.find("> >"); at != name.npos; at = name.find("> >")) name.erase(at + 1, 1);
    return name;
}

std::string extents(const dim3& d) {
    std::string text = fmt::format("{}", d.x);
    if (d.y > 1 || d.z > 1) text += fmt::format("x{}", d.y);
    if (d.z > 1) text += fmt::format("x{}", d.z);
    return text;
}

std::string columns(const Timed& timed, double filled) {
    const TrafficTotals& t = timed.totals;
    return fmt::format(
        "{:>9.0f} {:>7.2f} {:>7.2f} {:>6.1f}% {:>8.0f} {:>9.3f} {:>9.3f} {:>9.3f} {:>9.2f} {:>5.0f}% "
        "{:>8.2f} {:>8.2f}",
        t.requests, t.sector_ratio(), t.conflict_ratio(), 100 * t.partial_share(), t.barriers,
        t.bytes_read() / 1e6, t.bytes_written() / 1e6, t.distinct_bytes() / 1e6, t.flops / 1e6, 100 * filled,
        1e6 * timed.cached_seconds, 1e6 * timed.seconds);
}

std::string header() {
    return fmt::format(
        "    {:<{}} {:>12} {:>5} {:>4} {:>9} {:>7} {:>7} {:>7} {:>8} {:>9} {:>9} {:>9} {:>9} {:>6} {:>8} "
        "{:>8}\n",
        "launched", name_width, "grid", "block", "n", "requests", "sectors", "banks", "partial", "barriers",
        "MB read", "MB wrote", "MB once", "MFLOP", "filled", "us once", "us");
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

/// All entries of a kernel.
struct SummaryRow {
    std::string kernel;
    int calls = 0;
    double seconds_at_least = 0;
    Cost least{};
    Timed timed{};

    void add(const ReportEntry& entry, const Gpu& gpu) {
        calls += entry.times;
        least += entry.least;
        seconds_at_least += least_seconds(entry, gpu);
        for (const simt::LaunchReport& launch : entry.launches) timed.add(launch, gpu, entry.dtype);
    }

    std::string text() const {
        const TrafficTotals& t = timed.totals;
        return fmt::format(
            "{:<34} {:>5} {:>8} {:>8.2f} {:>7.2f} {:>10.2f} {:>10.2f} {:>10.2f} {:>9.1f} {:>9.1f} {:>9.1f}\n",
            kernel, calls, t.launches, t.sector_ratio(), t.conflict_ratio(), least.bytes() / 1e6,
            t.distinct_bytes() / 1e6, t.bytes() / 1e6, 1e6 * seconds_at_least, 1e6 * timed.cached_seconds,
            1e6 * timed.seconds);
    }
};

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
        const std::string name = short_name(group.kernel);
        // A long name has a line of its own.
        text += name.size() <= name_width ? fmt::format("    {:<{}}", name, name_width)
                                          : fmt::format("    {}\n    {:<{}}", name, "", name_width);
        text += fmt::format(" {:>12} {:>5} {:>4} {}\n", extents(group.grid), extents(group.block),
                            group.timed.totals.launches,
                            columns(group.timed, filled_share(gpu, blocks_of(group.grid))));
        if (!lines) continue;
        for (const simt::LineTraffic& line : worst_lines(group.launches)) text += line_text(line);
    }
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
        if (lines) {
            for (const simt::LineTraffic& line : worst_lines(group.launches))
                launches["lines"].push_back(to_object(line));
        }
        launches["kernel"] = short_name(group.kernel);
        launches["grid"] = {group.grid.x, group.grid.y, group.grid.z};
        launches["filled"] = filled_share(gpu, blocks_of(group.grid));
        launches["block"] = {group.block.x, group.block.y, group.block.z};
        object["launched"].push_back(std::move(launches));
    }
    return object.dump();
}

std::string summary_text(const std::vector<ReportEntry>& entries, const Gpu& gpu) {
    std::vector<SummaryRow> rows;
    SummaryRow all{"all"};
    for (const ReportEntry& entry : entries) {
        auto row = std::ranges::find(rows, entry.kernel, &SummaryRow::kernel);
        if (row == rows.end()) row = rows.insert(row, {entry.kernel});
        row->add(entry, gpu);
        all.add(entry, gpu);
    }
    std::ranges::stable_sort(rows, std::greater{}, [](const SummaryRow& row) { return row.timed.seconds; });
    std::string text = fmt::format("{:<34} {:>5} {:>8} {:>8} {:>7} {:>10} {:>10} {:>10} {:>9} {:>9} {:>9}\n",
                                   "kernel", "calls", "launches", "sectors", "banks", "MB least", "MB once",
                                   "MB moved", "us least", "us once", "us");
    for (const SummaryRow& row : rows) text += row.text();
    return text + all.text();
}

}  // namespace vitrine::gradcheck
