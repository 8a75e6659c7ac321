// Putting lanes' accesses together into requests, and counting what each costs.

#include "kernels/simt/executor/traffic.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "kernels/simt/executor/symbols.h"

namespace vitrine::simt {
namespace {

constexpr unsigned warp_size = 32;
constexpr uintptr_t sector_bytes = SectorSet::sector_bytes;
constexpr uintptr_t bank_bytes = 4;
constexpr size_t banks = 32;

/// How many different units of `unit` bytes the accesses touch.
template <class Lanes>
uint64_t distinct_units(const Lanes& lanes, uintptr_t unit) {
    std::vector<uintptr_t> units;
    for (const auto& lane : lanes) {
        for (uintptr_t at = lane.address / unit; at <= (lane.address + lane.bytes - 1) / unit; ++at) {
            units.push_back(at);
        }
    }
    std::ranges::sort(units);
    const auto repeated = std::ranges::unique(units);
    return static_cast<uint64_t>(repeated.begin() - units.begin());
}

/// Passes over the banks for lanes that are served together: the most words that any one bank must give.
template <class Lanes>
uint64_t bank_passes(const Lanes& lanes) {
    std::vector<uintptr_t> words;
    for (const auto& lane : lanes) {
        for (uintptr_t at = lane.address / bank_bytes; at <= (lane.address + lane.bytes - 1) / bank_bytes;
             ++at) {
            words.push_back(at);
        }
    }
    std::ranges::sort(words);
    words.erase(std::ranges::unique(words).begin(), words.end());
    std::array<uint64_t, banks> asked{};
    for (const uintptr_t word : words) ++asked[word % banks];
    return *std::ranges::max_element(asked);
}

}  // namespace

void Traffic::begin_launch(const Grid& grid) {
    log_.clear();
    lines_.clear();
    sectors_.clear();
    turns_.assign(grid.threads_per_block(), {});
    interval_ = 0;
}

void Traffic::add(uint32_t rank, uint32_t interval, uintptr_t code, uintptr_t address, uint32_t bytes,
                  Access access, bool shared) {
    if (interval != interval_) {
        flush();
        interval_ = interval;
    }
    log_.push_back({code, address, turns_[rank][code]++, static_cast<uint16_t>(rank),
                    static_cast<uint8_t>(bytes), access, shared});
}

void Traffic::end_block() {
    flush();
    interval_ = 0;
}

void Traffic::flush() {
    const auto request_of = [](const Logged& logged) {
        return std::tuple(logged.rank / warp_size, logged.code, logged.turn, logged.access);
    };
    std::ranges::sort(log_, {}, [&](const Logged& logged) {
        return std::tuple_cat(request_of(logged), std::tuple(logged.rank));
    });
    const unsigned threads = static_cast<unsigned>(turns_.size());
    for (size_t begin = 0; begin < log_.size();) {
        size_t end = begin + 1;
        while (end < log_.size() && request_of(log_[end]) == request_of(log_[begin])) ++end;
        const unsigned warp = log_[begin].rank / warp_size;
        count_request(std::span(log_).subspan(begin, end - begin),
                      std::min(warp_size, threads - warp * warp_size));
        begin = end;
    }
    log_.clear();
    for (auto& turns : turns_) turns.clear();
}

void Traffic::count_request(std::span<const Logged> lanes, unsigned running) {
    const Logged& first = lanes.front();
    LineTraffic& line = lines_[{first.code, first.access != Access::read}];
    line.shared = first.shared;
    line.write = first.access != Access::read;
    ++line.requests;
    for (const Logged& lane : lanes) line.bytes += lane.bytes;
    if (lanes.size() < running) ++line.partial;
    if (!first.shared) {
        for (const Logged& lane : lanes) {
            const uintptr_t begin = lane.address / sector_bytes;
            const uintptr_t last = (lane.address + lane.bytes - 1) / sector_bytes;
            if (lane.access != Access::write) sectors_.add_read(begin, last);
            if (lane.access != Access::read) sectors_.add_written(begin, last);
        }
        const uint64_t distinct_bytes = distinct_units(lanes, 1);
        line.sectors += distinct_units(lanes, sector_bytes);
        line.ideal_sectors += (distinct_bytes + sector_bytes - 1) / sector_bytes;
        return;
    }
    const unsigned together = warp_size / std::max<unsigned>(1, first.bytes / bank_bytes);
    for (size_t begin = 0; begin < lanes.size();) {
        size_t end = begin + 1;
        const unsigned group = lanes[begin].rank / together;
        while (end < lanes.size() && lanes[end].rank / together == group) ++end;
        line.passes += bank_passes(lanes.subspan(begin, end - begin));
        ++line.ideal_passes;
        begin = end;
    }
}

std::vector<LineTraffic> Traffic::take_lines() {
    std::vector<LineTraffic> result;
    for (auto& [instruction, line] : lines_) {
        line.where = source_line(instruction.first);
        result.push_back(std::move(line));
    }
    lines_.clear();
    return result;
}

}  // namespace vitrine::simt
