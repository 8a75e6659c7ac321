// What the lanes of a warp do together: votes, shuffles and __syncwarp.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/simt/executor/indices.h"
#include "kernels/simt/executor/matrices.h"
#include "kernels/simt/executor/names.h"
#include "kernels/simt/executor/observer.h"
#include "kernels/simt/executor/recording.h"
#include "kernels/simt/executor/switching.h"
#include "kernels/simt/executor/symbols.h"
#include "kernels/simt/executor/worker.h"

namespace vitrine::simt {

namespace {

/// By the formulas of PTX's shfl.sync.
inline uint32_t source_lane(uint32_t lane, const WarpRequest& request) {
    const auto width = static_cast<uint32_t>(request.width);
    const uint32_t argument = static_cast<uint32_t>(request.argument) % warp_size;
    const uint32_t segment = lane & ~(width - 1);
    switch (request.operation) {
        case WarpOperation::shuffle:
            return segment | (argument & (width - 1));
        case WarpOperation::shuffle_up:
            return lane >= segment + argument ? lane - argument : lane;
        case WarpOperation::shuffle_down:
            return lane + argument < segment + width ? lane + argument : lane;
        case WarpOperation::shuffle_xor:  // lanes of earlier segments may be read, of later ones not
            return (lane ^ argument) < segment + width ? lane ^ argument : lane;
        default:
            return lane;
    }
}

/// What a lane has been given.
RecordedWords result_of(const WarpRequest& request) {
    const auto part = static_cast<uintptr_t>(request.value);
    RecordedWords words{};
    if (request.operation == WarpOperation::multiply) {
        std::memcpy(words.data(), reinterpret_cast<const MatrixProduct*>(part)->c, sizeof(words));
    } else if (request.operation == WarpOperation::load_matrices) {
        std::memcpy(words.data(), reinterpret_cast<const MatrixLoad*>(part)->words, sizeof(words));
    } else {
        std::memcpy(words.data(), &request.value, sizeof(request.value));
    }
    return words;
}

/// What the lanes of a matrix instruction have brought.
template <class Part>
std::array<Part*, warp_size> parts_of_lanes(const Thread* threads) {
    std::array<Part*, warp_size> parts;
    for (uint32_t lane = 0; lane < warp_size; ++lane) {
        parts[lane] = reinterpret_cast<Part*>(static_cast<uintptr_t>(threads[lane].request.value));
    }
    return parts;
}

}  // namespace

uint64_t BlockRunner::warp_operation(const WarpRequest& request, Location location) {
    const uint32_t rank = now_.rank;
    if ((request.mask & now_.lane_bit) == 0 || request.width < 1 || request.width > 32 ||
        (request.width & (request.width - 1)) != 0) {
        refuse(request, location);
    }
    Thread& thread = threads_[rank];
    thread.state = State::at_warp_operation;
    thread.request = request;
    thread.location = location;
    warps_[rank / warp_size].waiting |= now_.lane_bit;
    complete_warp_operation(rank / warp_size, rank % warp_size);
    wait();
    return thread.request.value;
}

void BlockRunner::refuse(const WarpRequest& request, Location location) {
    const Unobserved unobserved;
    if ((request.mask & now_.lane_bit) == 0) {
        report(FindingKind::inactive_lane, source_line(location),
               fmt::format("lane {} calls {} with mask {:#010x}, which does not name it",
                           now_.rank % warp_size, name_of(request.operation), request.mask));
    } else {
        report(FindingKind::inactive_lane, source_line(location),
               fmt::format("{} has width {}: it must be a power of two up to 32", name_of(request.operation),
                           request.width));
    }
    abandon();
}

/// Lets the group of `first_lane` go on if all of it is there. As on a GPU, lanes that have exited are not
/// waited for.
void BlockRunner::complete_warp_operation(uint32_t warp_index, uint32_t first_lane) {
    Warp& warp = warps_[warp_index];
    Thread* const threads = threads_.get() + warp_index * warp_size;
    const WarpRequest request = threads[first_lane].request;
    const uint32_t taking_part = request.mask & warp.existing & ~warp.exited;
    if ((warp.waiting & taking_part) != taking_part) return;
    uint32_t ballot = 0;
    uint64_t values[warp_size];
    for (uint32_t left = taking_part; left != 0; left &= left - 1) {
        const auto lane = static_cast<uint32_t>(__builtin_ctz(left));
        const WarpRequest& other = threads[lane].request;
        if (!together(other, request)) return;
        values[lane] = other.value;
        if (other.value != 0) ballot |= 1u << lane;
    }
    if (request.operation == WarpOperation::sync) synchronise_lanes(warp_index, taking_part);
    if (of_matrices(request.operation)) work_on_matrices(warp_index, taking_part);
    for (uint32_t left = taking_part; left != 0; left &= left - 1) {
        const auto lane = static_cast<uint32_t>(__builtin_ctz(left));
        const uint32_t rank = warp_index * warp_size + lane;
        uint64_t& result = threads[lane].request.value;
        switch (request.operation) {
            case WarpOperation::sync:
            case WarpOperation::multiply:
            case WarpOperation::load_matrices:
                break;
            case WarpOperation::ballot:
                result = ballot;
                break;
            case WarpOperation::all:
                result = ballot == taking_part ? 1 : 0;
                break;
            case WarpOperation::any:
                result = ballot != 0 ? 1 : 0;
                break;
            default:
                result = shuffled(rank, source_lane(lane, threads[lane].request), values, taking_part);
        }
        threads[lane].state = State::ready;
        make_ready(rank);
    }
    warp.waiting &= ~taking_part;
    if (recording_ != nullptr) record_operation(warp_index, request, taking_part);
    ++counters_.warp_operations;
}

/// All 32 lanes must execute the same instruction; on a GPU anything may happen otherwise.
bool BlockRunner::lanes_agree(uint32_t warp, uint32_t lanes) {
    const Thread* const threads = threads_.get() + warp * warp_size;
    const auto first = static_cast<uint32_t>(__builtin_ctz(lanes));
    const char* const name = name_of(threads[first].request.operation);
    for (uint32_t lane = 0; lane < warp_size; ++lane) {
        const Location& location = threads[lane].location;
        if ((lanes >> lane & 1u) == 0) {
            report(FindingKind::inactive_lane, warp * warp_size + first, source_line(threads[first].location),
                   fmt::format("{} is for all 32 lanes, but lane {} {}", name, lane,
                               what_lane_does(warp * warp_size + lane)));
            return false;
        }
        if (location.line() != threads[first].location.line() ||
            location.column() != threads[first].location.column()) {
            report(
                FindingKind::inactive_lane, warp * warp_size + lane, source_line(location),
                fmt::format("calls {} while lane {} calls another one ({}): the lanes must execute the same",
                            name, first, source_line(threads[first].location)));
            return false;
        }
    }
    return true;
}

void BlockRunner::work_on_matrices(uint32_t warp, uint32_t lanes) {
    const Unobserved unobserved;
    if (!lanes_agree(warp, lanes)) return;
    const Thread* const threads = threads_.get() + warp * warp_size;
    if (threads[0].request.operation == WarpOperation::load_matrices) {
        exchange_rows(parts_of_lanes<MatrixLoad>(threads));
        return;
    }
    const auto products = parts_of_lanes<MatrixProduct>(threads);
    const auto unrounded =
        std::ranges::find_if(products, [](const auto* product) { return has_unrounded(*product); });
    if (unrounded != products.end()) {
        const auto rank = warp * warp_size + static_cast<uint32_t>(unrounded - products.begin());
        report(
            FindingKind::unrounded_tf32, rank, source_line(threads_[rank].location),
            "multiplies a float that is not rounded to the 10 bits of a tf32, which a GPU leaves undefined");
    }
    multiply_lanes(products);
    counters_.tensor_multiply_adds += multiply_adds_of(*products[0]);
}

void BlockRunner::synchronise_lanes(uint32_t warp, uint32_t lanes) {
    const uint32_t clock = clocks_[warp].join(lanes, now_.interval_start);
    if (clock > latest_clock_) latest_clock_ = clock;
    for (uint32_t left = lanes; left != 0; left &= left - 1) {
        threads_[warp * warp_size + static_cast<uint32_t>(__builtin_ctz(left))].clock = clock;
    }
    if (!fences_.at_work()) return;
    const Unobserved unobserved;
    fences_.synchronise_lanes(warp * warp_size, lanes);
}

inline uint64_t BlockRunner::shuffled(uint32_t rank, uint32_t source, const uint64_t* values,
                                      uint32_t taking_part) {
    if ((taking_part >> source & 1u) != 0) return values[source];
    report_inactive(rank, source);
    return ~uint64_t{0};
}

void BlockRunner::record_operation(uint32_t warp, const WarpRequest& request, uint32_t taking_part) {
    const Unobserved unobserved;
    const Thread* const threads = threads_.get() + warp * warp_size;
    RecordedWords results[warp_size] = {};
    uint8_t sources[warp_size] = {};
    uint32_t first = warp_size;
    for (uint32_t left = taking_part; left != 0; left &= left - 1) {
        const auto lane = static_cast<uint32_t>(__builtin_ctz(left));
        first = std::min(first, lane);
        results[lane] = result_of(threads[lane].request);
        sources[lane] = static_cast<uint8_t>(source_lane(lane, threads[lane].request));
    }
    recording_->warp_operation(warp, taking_part, request.operation, threads[first].location, results,
                               sources);
}

void BlockRunner::report_inactive(uint32_t rank, uint32_t source) {
    const Unobserved unobserved;
    const Thread& thread = threads_[rank];
    report(FindingKind::inactive_lane, rank, source_line(thread.location),
           fmt::format("lane {} reads lane {} in {} with mask {:#010x}, but that lane {}", rank % warp_size,
                       source, name_of(thread.request.operation), thread.request.mask,
                       what_lane_does(rank / warp_size * warp_size + source)));
}

uint64_t warp_operation(WarpOperation operation, unsigned mask, uint64_t value, int argument, int width,
                        Location location) {
    return running().warp_operation({operation, mask, value, argument, width}, location);
}

}  // namespace vitrine::simt
