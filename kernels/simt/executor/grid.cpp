// A launch: its shape, its order, its report.

#include "kernels/simt/executor/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "kernels/error.h"
#include "kernels/philox.h"
#include "kernels/simt/executor/launch_bounds.h"
#include "kernels/simt/executor/shadow.h"
#include "kernels/simt/executor/symbols.h"

namespace vitrine::simt {
namespace {

constexpr unsigned warp_size = 32;
// What every architecture since Turing allows.
constexpr unsigned most_threads_z = 64;
constexpr unsigned most_blocks_x = 0x7FFFFFFF;
constexpr unsigned most_blocks_yz = 65535;
// Static and dynamic together, unless the host asks the driver for more, which launch() never does.
constexpr size_t most_shared_bytes = 48 * 1024;
// All parameters of a kernel together (CUDA C++ Programming Guide, "Function Parameters").
constexpr size_t most_parameter_bytes = 4096;
// Findings at different places beyond this many are counted at the last one.
constexpr size_t most_findings = 64;

/// Fisher and Yates, with the draws of stream (seed, sample).
void shuffle(std::span<uint32_t> values, size_t begin, size_t end, uint64_t seed, uint32_t sample) {
    const RandomKey key{.seed = seed, .sample = sample};
    for (size_t left = end - begin; left > 1; --left) {
        const size_t other = random_word(key, begin + left) % left;
        std::swap(values[begin + left - 1], values[begin + other]);
    }
}

bool before(const uint3& a, const uint3& b) { return std::tuple(a.z, a.y, a.x) < std::tuple(b.z, b.y, b.x); }

}  // namespace

Grid::Grid(const GridRequest& request, const Settings& settings, const RecordRequest* record)
    : request_(request),
      settings_(settings),
      record_request_(request.hooked ? record : nullptr),
      blocks_(uint64_t{request.grid.x} * request.grid.y * request.grid.z),
      turns_(settings.most_blocks == 0 ? blocks_ : std::min(settings.most_blocks, blocks_)),
      releases_(threads_per_block()) {
    report_.grid = request.grid;
    report_.block = request.block;
    report_.shared_bytes = request.shared_bytes;
    report_.blocks_run = turns_;
    check_shape();
    take_numbers();
    if (settings_.order == Order::shuffled) {
        shuffled_blocks_.resize(blocks_);
        std::iota(shuffled_blocks_.begin(), shuffled_blocks_.end(), 0u);
        shuffle(shuffled_blocks_, 0, blocks_, settings_.seed, 0);
    }
}

void Grid::check_shape() {
    const dim3& grid = request_.grid;
    const dim3& block = request_.block;
    const uint64_t threads = uint64_t{block.x} * block.y * block.z;
    const auto refuse = [&](const std::string& why) {
        throw Error(fmt::format("launch of {} refused: {}", function_name(request_.kernel), why));
    };
    if (blocks_ == 0 || grid.x > most_blocks_x || grid.y > most_blocks_yz || grid.z > most_blocks_yz) {
        refuse(fmt::format("the grid is {} x {} x {} blocks, and 1 to {} x {} x {} are allowed", grid.x,
                           grid.y, grid.z, most_blocks_x, most_blocks_yz, most_blocks_yz));
    }
    // The checks give each block of a launch a number of 32 bits.
    if (blocks_ > most_blocks_x) {
        refuse(fmt::format("the grid has {} blocks, and the simt device runs at most {}", blocks_,
                           most_blocks_x));
    }
    if (threads == 0 || threads > most_threads || block.z > most_threads_z) {
        refuse(fmt::format("the block is {} x {} x {} threads, and 1 to {} are allowed, at most {} along z",
                           block.x, block.y, block.z, most_threads, most_threads_z));
    }
    if (const unsigned bounds = launch_bounds(request_.kernel); bounds != 0 && threads > bounds) {
        refuse(fmt::format("the block has {} threads, and the kernel's __launch_bounds__ allow {}", threads,
                           bounds));
    }
    if (request_.parameter_bytes > most_parameter_bytes) {
        refuse(fmt::format("the kernel's parameters are {} bytes, and {} are allowed",
                           request_.parameter_bytes, most_parameter_bytes));
    }
    if (request_.shared_bytes > most_shared_bytes) {
        refuse(fmt::format("{} bytes of dynamic shared memory were asked for, and {} are allowed",
                           request_.shared_bytes, most_shared_bytes));
    }
    // Alone, static memory that is too much does not even compile.
    if (request_.shared_bytes > 0) {
        const size_t static_bytes = static_shared_bytes(request_.kernel);
        if (static_bytes + request_.shared_bytes > most_shared_bytes) {
            refuse(
                fmt::format("a block has {} bytes of static and {} of dynamic shared memory, and {} in all "
                            "are allowed",
                            static_bytes, request_.shared_bytes, most_shared_bytes));
        }
    }
}

bool Grid::records(uint64_t turn) const {
    if (record_request_ == nullptr) return false;
    const uint3 wanted = record_request_->block;
    const uint3 place = block(turn);
    return place.x == wanted.x && place.y == wanted.y && place.z == wanted.z;
}

/// Launches run one at a time, so plain static data is enough.
void Grid::take_numbers() {
    static uint32_t next = 1;
    static uint32_t era = 0;
    if (blocks_ + 1 > UINT32_MAX - next) {
        global_shadow().forget_all();
        variable_shadow().forget_all();
        ++era;
        next = 1;
    }
    first_number_ = std::exchange(next, next + static_cast<uint32_t>(blocks_) + 1);
    era_ = era;
}

/// One of each of turns_ equal parts of the grid, by chance: at equal distances all might lie in one column of tiles.
uint64_t Grid::sampled_block(uint64_t turn) const {
    const uint64_t begin = turn * blocks_ / turns_, end = (turn + 1) * blocks_ / turns_;
    return begin + random_word({.seed = settings_.seed}, turn) % (end - begin);
}

uint3 Grid::block(uint64_t turn) const {
    uint64_t index = is_sample() ? sampled_block(turn) : turn;
    if (settings_.order == Order::descending) index = blocks_ - 1 - index;
    if (settings_.order == Order::shuffled) index = shuffled_blocks_[index];
    const dim3& grid = request_.grid;
    return {static_cast<unsigned>(index % grid.x), static_cast<unsigned>(index / grid.x % grid.y),
            static_cast<unsigned>(index / grid.x / grid.y)};
}

void Grid::order_threads(uint64_t turn, uint32_t* first) const {
    const unsigned threads = threads_per_block();
    const std::span ranks(first, threads);
    std::iota(ranks.begin(), ranks.end(), 0u);
    if (settings_.order == Order::descending) std::ranges::reverse(ranks);
    if (settings_.order != Order::shuffled) return;
    const uint32_t sample = static_cast<uint32_t>(turn) + 1;
    std::vector<uint32_t> warps((threads + warp_size - 1) / warp_size);
    std::iota(warps.begin(), warps.end(), 0u);
    // Draws beyond the threads' own.
    shuffle(warps, 0, warps.size(), settings_.seed ^ (uint64_t{1} << 63), sample);
    size_t filled = 0;
    for (const uint32_t warp : warps) {
        const size_t begin = filled;
        for (unsigned rank = warp * warp_size; rank < std::min((warp + 1) * warp_size, threads); ++rank) {
            ranks[filled++] = rank;
        }
        shuffle(ranks, begin, filled, settings_.seed, sample);
    }
}

void Grid::add(Finding finding) {
    const std::lock_guard lock(mutex_);
    for (Finding& known : report_.findings) {
        if (known.kind != finding.kind || known.where != finding.where) continue;
        // The first in the grid's order stands for all, whichever OS thread was faster.
        const uint64_t times = known.times + 1;
        const bool earlier = before(finding.block, known.block) ||
                             (!before(known.block, finding.block) && before(finding.thread, known.thread));
        if (earlier) known = std::move(finding);
        known.times = times;
        return;
    }
    if (report_.findings.size() == most_findings) {
        ++report_.findings.back().times;
        return;
    }
    report_.findings.push_back(std::move(finding));
}

void Grid::add(ReadOnlyPages pages) {
    if (pages.empty()) return;
    const std::lock_guard lock(mutex_);
    simt::add(read_only_, std::move(pages));
}

void Grid::add(const Counters& counters) {
    const std::lock_guard lock(mutex_);
    report_.barriers += counters.barriers;
    report_.warp_operations += counters.warp_operations;
    report_.fused_multiply_adds += counters.fused_multiply_adds;
    report_.tensor_multiply_adds += counters.tensor_multiply_adds;
    report_.global_bytes_read += counters.global_bytes_read;
    report_.global_bytes_written += counters.global_bytes_written;
    report_.shared_bytes_read += counters.shared_bytes_read;
    report_.shared_bytes_written += counters.shared_bytes_written;
    report_.static_shared_bytes = std::max(report_.static_shared_bytes, counters.static_shared_bytes);
}

void Grid::add(std::vector<LineTraffic> traffic, const SectorSet& sectors) {
    const std::lock_guard lock(mutex_);
    sectors_.add(sectors);
    for (LineTraffic& line : traffic) {
        const auto same = [&](const LineTraffic& other) {
            return other.where == line.where && other.shared == line.shared && other.write == line.write;
        };
        const auto known = std::ranges::find_if(report_.traffic, same);
        if (known == report_.traffic.end()) {
            report_.traffic.push_back(std::move(line));
            continue;
        }
        known->requests += line.requests;
        known->bytes += line.bytes;
        known->sectors += line.sectors;
        known->ideal_sectors += line.ideal_sectors;
        known->passes += line.passes;
        known->ideal_passes += line.ideal_passes;
        known->partial += line.partial;
    }
}

LaunchReport Grid::finish() {
    report_written(read_only_, *this);
    const size_t shared_bytes = report_.static_shared_bytes + report_.shared_bytes;
    if (shared_bytes > most_shared_bytes) {
        add(Finding{
            FindingKind::too_much_shared,
            {},
            {},
            "",
            fmt::format("a block has {} bytes of static and {} of dynamic shared memory, and {} in all "
                        "are allowed",
                        report_.static_shared_bytes, report_.shared_bytes, most_shared_bytes)});
    }
    std::ranges::stable_sort(report_.findings, [](const Finding& a, const Finding& b) {
        if (before(a.block, b.block) || before(b.block, a.block)) return before(a.block, b.block);
        return before(a.thread, b.thread);
    });
    std::ranges::sort(report_.traffic, {}, [](const LineTraffic& line) {
        // The longer of two numbers is the larger one.
        const size_t kernels_own = std::min(line.where.find(" > "), line.where.size());
        return std::tuple(kernels_own, line.where, line.shared, line.write);
    });
    if (settings_.keep_reports || !report_.findings.empty()) report_.kernel = function_name(request_.kernel);
    report_.distinct_sectors_read = sectors_.read();
    report_.distinct_sectors_written = sectors_.written();
    return std::move(report_);
}

}  // namespace vitrine::simt
