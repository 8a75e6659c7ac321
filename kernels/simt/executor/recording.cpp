// The record of one block, as it is made: see recording.h.

#include "kernels/simt/executor/recording.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/simt/arithmetic.h"
#include "kernels/simt/executor/device_memory.h"
#include "kernels/simt/executor/requests.h"
#include "kernels/simt/executor/symbols.h"

namespace vitrine::simt {
namespace {

RecordedKind kind_of(Access access) {
    switch (access) {
        case Access::read:
            return RecordedKind::read;
        case Access::write:
            return RecordedKind::write;
        default:
            return RecordedKind::atomic;
    }
}

RecordedKind kind_of(WarpOperation operation) {
    switch (operation) {
        case WarpOperation::sync:
            return RecordedKind::sync;
        case WarpOperation::ballot:
            return RecordedKind::ballot;
        case WarpOperation::all:
            return RecordedKind::all;
        case WarpOperation::any:
            return RecordedKind::any;
        case WarpOperation::multiply:
            return RecordedKind::multiply;
        case WarpOperation::load_matrices:
            return RecordedKind::load_matrices;
        default:
            return RecordedKind::shuffle;
    }
}

/// Calls f(lane) for each bit.
template <class F>
void for_each_lane(uint32_t lanes, F&& f) {
    for (; lanes != 0; lanes &= lanes - 1) f(static_cast<uint32_t>(__builtin_ctz(lanes)));
}

/// The events of one warp in an order that agrees with each lane's steps, as far as one does.
class Ordering {
  public:
    template <class Steps>
    Ordering(const Steps& steps, size_t events) : done_(events, false) {
        for (const std::vector<uint32_t>& of_lane : steps) steps_.push_back(&of_lane);
        next_.resize(steps_.size(), 0);
    }

    /// `lanes(event)` are those that take part. Calls take(event) for each.
    template <class Lanes, class Take>
    void run(Lanes&& lanes, Take&& take) {
        for (;;) {
            std::map<uint32_t, uint32_t> heads;  // event -> lanes that have come to it
            for (uint32_t lane = 0; lane < steps_.size(); ++lane) {
                const std::vector<uint32_t>& steps = *steps_[lane];
                while (next_[lane] < steps.size() && done_[steps[next_[lane]]]) ++next_[lane];
                if (next_[lane] < steps.size()) heads[steps[next_[lane]]] |= 1u << lane;
            }
            if (heads.empty()) return;
            const auto complete = std::ranges::find_if(
                heads, [&](const auto& head) { return head.second == lanes(head.first); });
            const uint32_t event = (complete != heads.end() ? complete : heads.begin())->first;
            done_[event] = true;
            take(event);
        }
    }

  private:
    std::vector<const std::vector<uint32_t>*> steps_;
    std::vector<size_t> next_;
    std::vector<bool> done_;
};

}  // namespace

Recording::Recording(const Grid& grid, SharedMemory& shared)
    : grid_(grid),
      shared_(shared),
      warps_(new Warp[(grid.threads_per_block() + warp_size - 1) / warp_size]),
      multiply_adds_before_(fused_multiply_adds) {
    record_.kernel = function_name(grid.request().kernel);
    record_.grid = grid.request().grid;
    record_.block = grid.request().block;
    record_.place = grid.record_request()->block;
}

uint32_t Recording::lanes_of(uint32_t warp) const {
    const uint32_t lanes = std::min(warp_size, grid_.threads_per_block() - warp * warp_size);
    return lanes == warp_size ? ~0u : (1u << lanes) - 1;
}

uint32_t Recording::line_of(const std::string& where) {
    const auto [place, is_new] = lines_.try_emplace(where, static_cast<uint32_t>(record_.lines.size()));
    if (is_new) record_.lines.push_back(where);
    return place->second;
}

uint32_t Recording::line_of(uintptr_t code) {
    const auto [place, is_new] = line_of_code_.try_emplace(code, 0);
    if (is_new) place->second = line_of(source_way(code));
    return place->second;
}

uint32_t Recording::begin_event(uint32_t warp, RecordedKind kind, uint32_t line) {
    if (begun_ >= grid_.record_request()->most_events) return no_event;
    ++begun_;
    RecordedEvent event;
    event.kind = kind;
    event.warp = static_cast<uint16_t>(warp);
    event.interval = static_cast<uint32_t>(record_.intervals.size());
    event.line = line;
    event.of_lanes = lanes_of(warp);
    std::deque<RecordedEvent>& events = warps_[warp].events;
    events.push_back(event);
    return static_cast<uint32_t>(events.size() - 1);
}

RecordedEvent& Recording::join(uint32_t warp, uint32_t lane, uint32_t event) {
    warps_[warp].steps[lane].push_back(event);
    RecordedEvent& joined = warps_[warp].events[event];
    joined.lanes |= 1u << lane;
    return joined;
}

/// Only the thread that wrote has run since.
void Recording::settle() {
    if (unsettled_ == nullptr) return;
    std::memcpy(unsettled_->words.data(), reinterpret_cast<const void*>(unsettled_->address),
                unsettled_bytes_);
    unsettled_ = nullptr;
}

void Recording::access(uint32_t rank, uintptr_t code, uintptr_t address, uint32_t bytes, Access access,
                       bool shared) {
    settle();
    const uint32_t warp_index = rank / warp_size;
    const uint32_t lane = rank % warp_size;
    Warp& warp = warps_[warp_index];
    const Instruction instruction{code, access, shared};
    const uint32_t turn = warp.turns[lane][instruction]++;
    const auto [place, is_new] = warp.by_turn.try_emplace({instruction, turn}, no_event);
    if (is_new) place->second = begin_event(warp_index, kind_of(access), line_of(code));
    if (place->second == no_event) {
        ++record_.left_out;
        return;
    }
    RecordedEvent& event = join(warp_index, lane, place->second);
    event.shared = shared;
    event.bytes = static_cast<uint8_t>(bytes);
    RecordedLane& mine = event.by_lane[lane];
    mine.address = address;
    note_memory(address, shared);
    unsettled_ = &mine;
    unsettled_bytes_ = event.bytes;
    if (access == Access::read) settle();
}

void Recording::warp_operation(uint32_t warp, uint32_t lanes, WarpOperation operation, Location location,
                               const RecordedWords* results, const uint8_t* sources) {
    settle();
    const uint32_t event = begin_event(warp, kind_of(operation), line_of(source_line(location)));
    if (event == no_event) {
        ++record_.left_out;
        return;
    }
    for_each_lane(lanes, [&](uint32_t lane) {
        RecordedLane& mine = join(warp, lane, event).by_lane[lane];
        mine.words = results[lane];
        mine.source = sources[lane];
    });
}

void Recording::finding(uint32_t rank, const Finding& finding) {
    settle();
    const std::string kind = name_of(finding.kind);
    for (RecordedFinding& known : record_.findings) {
        if (known.kind != kind || known.where != finding.where) continue;
        ++known.times;
        return;
    }
    const auto number = static_cast<uint32_t>(record_.findings.size());
    record_.findings.push_back({kind, finding.where, finding.message, finding.thread});
    const uint32_t warp = rank / warp_size;
    const uint32_t event = begin_event(warp, RecordedKind::finding, line_of(finding.where));
    if (event != no_event) join(warp, rank % warp_size, event).finding = number;
}

void Recording::note_memory(uintptr_t address, bool shared) {
    const auto holds = [&](const RecordedMemory& known) { return address - known.address < known.bytes; };
    if (std::ranges::any_of(record_.memory, holds)) return;
    if (!shared) {
        const AddressRange buffer = DeviceMemory::instance().buffer_of(address);
        record_.memory.push_back({buffer.begin, buffer.end - buffer.begin, false, ""});
    } else if (const SharedPiece* piece = shared_.find(address); piece != nullptr) {
        record_.memory.push_back({piece->address, piece->bytes, true, piece->name});
    }
}

void Recording::count_cost(RecordedEvent& event) {
    if (!event.is_request()) return;
    std::array<uintptr_t, warp_size> addresses{};
    for (uint32_t lane = 0; lane < warp_size; ++lane) addresses[lane] = event.by_lane[lane].address;
    if (event.shared) {
        event.cost = pass_cost(addresses, event.lanes, event.bytes);
    } else {
        event.cost = sector_cost(SortedAddresses(addresses, event.lanes).get(), event.bytes,
                                 [](uintptr_t, uintptr_t) {});
    }
}

void Recording::end_warp(uint32_t index) {
    settle();
    Warp& warp = warps_[index];
    const auto lanes = [&](uint32_t event) { return warp.events[event].lanes; };
    Ordering(warp.steps, warp.events.size()).run(lanes, [&](uint32_t event) {
        count_cost(warp.events[event]);
        record_.events.push_back(warp.events[event]);
    });
    warp = {};
}

void Recording::end_interval(RecordedInterval interval) {
    interval.fused_multiply_adds = fused_multiply_adds - multiply_adds_before_;
    multiply_adds_before_ = fused_multiply_adds;
    record_.intervals.push_back(interval);
    const auto first = record_.events.begin() + static_cast<std::ptrdiff_t>(interval_begin_);
    std::ranges::stable_sort(first, record_.events.end(), {}, &RecordedEvent::warp);
    interval_begin_ = record_.events.size();
}

void Recording::pass_barrier(Location location) {
    end_interval({.at_barrier = true, .line = line_of(source_line(location))});
}

BlockRecord Recording::finish() {
    for (uint32_t warp = 0; warp * warp_size < grid_.threads_per_block(); ++warp) end_warp(warp);
    end_interval({});
    std::ranges::sort(record_.memory, {}, &RecordedMemory::address);
    return std::move(record_);
}

const char* name_of(RecordedKind kind) {
    switch (kind) {
        case RecordedKind::read:
            return "read";
        case RecordedKind::write:
            return "write";
        case RecordedKind::atomic:
            return "atomic";
        case RecordedKind::sync:
            return "__syncwarp";
        case RecordedKind::shuffle:
            return "shuffle";
        case RecordedKind::ballot:
            return "ballot";
        case RecordedKind::all:
            return "all";
        case RecordedKind::any:
            return "any";
        case RecordedKind::multiply:
            return "mma";
        case RecordedKind::load_matrices:
            return "ldmatrix";
        case RecordedKind::finding:
            return "finding";
    }
    return "";
}

}  // namespace vitrine::simt
