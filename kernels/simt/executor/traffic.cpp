// Putting lanes' accesses together into requests, and counting what each costs.

#include "kernels/simt/executor/traffic.h"

#include <algorithm>
#include <utility>

#include "kernels/simt/executor/requests.h"
#include "kernels/simt/executor/symbols.h"
#include "kernels/simt/executor/worker.h"

namespace vitrine::simt {
void Traffic::begin_launch(const Grid& grid) {
    threads_ = grid.threads_per_block();
    sectors_.clear();
    end_block();  // of a launch that ended in the middle
    instructions_.clear();
    std::ranges::fill(found_, nullptr);
}

Traffic::Instruction& Traffic::find_instruction(uintptr_t code, bool shared, Access access, uint32_t bytes) {
    const auto same = [&](const auto& known) {
        return known->code == code && known->shared == shared && known->access == access;
    };
    const auto known = std::ranges::find_if(instructions_, same);
    if (known != instructions_.end()) return **known;
    instructions_.push_back(std::make_unique<Instruction>());
    Instruction& added = *instructions_.back();
    added.code = code;
    added.shared = added.sums.shared = shared;
    added.access = access;
    added.sums.write = access != Access::read;
    added.bytes = static_cast<uint8_t>(bytes);
    return added;
}

inline Traffic::Instruction& Traffic::instruction(uintptr_t code, bool shared, Access access,
                                                  uint32_t bytes) {
    Instruction*& found = found_[(code * 2 + (shared ? 1 : 0)) % found_count];
    if (found == nullptr || found->code != code || found->shared != shared || found->access != access) {
        found = &find_instruction(code, shared, access, bytes);
    }
    return *found;
}

Traffic::Chunk* Traffic::take_chunk() {
    if (free_chunks_.empty()) {
        chunks_.push_back(std::make_unique<Chunk>());
        return chunks_.back().get();
    }
    Chunk* const chunk = free_chunks_.back();
    free_chunks_.pop_back();
    return chunk;
}

void Traffic::add(uint32_t rank, uintptr_t code, uintptr_t address, uint32_t bytes, Access access,
                  bool shared) {
    const Unobserved unobserved;
    if (recording_ != nullptr) recording_->access(rank, code, address, bytes, access, shared);
    Instruction& by = instruction(code, shared, access, bytes);
    const uint32_t turn = by.turns[rank]++;
    std::vector<Chunk*>& chunks = by.chunks[rank / warp_size];
    while (chunks.size() <= turn / chunk_requests) chunks.push_back(take_chunk());
    Request& request = chunks[turn / chunk_requests]->requests[turn % chunk_requests];
    request.lanes |= 1u << rank % warp_size;
    request.addresses[rank % warp_size] = address;
}

void Traffic::end_warp(uint32_t warp) {
    if (recording_ != nullptr) recording_->end_warp(warp);
    const uint32_t first = warp * warp_size;
    const uint32_t running = std::min(warp_size, threads_ - first);
    for (const auto& by : instructions_) {
        std::vector<Chunk*>& chunks = by->chunks[warp];
        if (chunks.empty()) continue;
        for (Chunk* const chunk : chunks) {
            for (Request& request : chunk->requests) {
                if (request.lanes == 0) break;
                count_request(*by, request, running);
                request.lanes = 0;
            }
            free_chunks_.push_back(chunk);
        }
        chunks.clear();
        std::fill_n(by->turns + first, running, 0u);
    }
}

/// What is left if the block was given up.
void Traffic::end_block() {
    for (uint32_t warp = 0; warp * warp_size < threads_; ++warp) end_warp(warp);
}

void Traffic::count_request(Instruction& instruction, const Request& request, uint32_t running) {
    const auto lanes = static_cast<uint32_t>(__builtin_popcount(request.lanes));
    LineTraffic& sums = instruction.sums;
    ++sums.requests;
    sums.bytes += lanes * uint64_t{instruction.bytes};
    if (lanes < running) ++sums.partial;
    if (instruction.shared) {
        const RequestCost cost = pass_cost(request.addresses, request.lanes, instruction.bytes);
        sums.passes += cost.passes;
        sums.ideal_passes += cost.ideal_passes;
        return;
    }
    const RequestCost cost = count_sectors(instruction, request);
    sums.sectors += cost.sectors;
    sums.ideal_sectors += cost.ideal_sectors;
}

RequestCost Traffic::count_sectors(const Instruction& instruction, const Request& request) {
    const SortedAddresses addresses(request.addresses, request.lanes);
    return sector_cost(addresses.get(), instruction.bytes, [&](uintptr_t first, uintptr_t last) {
        if (instruction.access != Access::write) sectors_.add_read(first, last);
        if (instruction.access != Access::read) sectors_.add_written(first, last);
    });
}

std::vector<LineTraffic> Traffic::take_lines() {
    std::vector<LineTraffic> result;
    for (const auto& by : instructions_) {
        by->sums.where = source_way(by->code);
        result.push_back(std::move(by->sums));
    }
    instructions_.clear();
    std::ranges::fill(found_, nullptr);
    return result;
}

}  // namespace vitrine::simt
