// Putting lanes' accesses together into requests, and counting what each costs.

#include "kernels/simt/executor/traffic.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kernels/simt/executor/symbols.h"
#include "kernels/simt/executor/worker.h"

namespace vitrine::simt {
namespace {

constexpr uintptr_t sector_bytes = SectorSet::sector_bytes;
constexpr uintptr_t bank_bytes = 4;
constexpr uint32_t banks = 32;

/// The words that a group of lanes, which are served together, asks of each bank.
class Banks {
  public:
    void ask(uintptr_t word) {
        const uint32_t bank = word % banks;
        uintptr_t* const known = words_[bank];
        for (uint32_t i = 0; i < asked_[bank]; ++i) {
            if (known[i] == word) return;
        }
        known[asked_[bank]++] = word;
        passes_ = std::max(passes_, asked_[bank]);
    }
    /// Times that the banks must be read: the most words that any one of them must give.
    uint32_t passes() const { return passes_; }

  private:
    // A group asks for 32 words: for twice as many if each lane's bytes straddle two.
    uintptr_t words_[banks][2 * banks];
    uint32_t asked_[banks] = {};
    uint32_t passes_ = 0;
};

}  // namespace

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
    Instruction& by = instruction(code, shared, access, bytes);
    const uint32_t turn = by.turns[rank]++;
    std::vector<Chunk*>& chunks = by.chunks[rank / warp_size];
    while (chunks.size() <= turn / chunk_requests) chunks.push_back(take_chunk());
    Request& request = chunks[turn / chunk_requests]->requests[turn % chunk_requests];
    request.lanes |= 1u << rank % warp_size;
    request.addresses[rank % warp_size] = address;
}

void Traffic::end_warp(uint32_t warp) {
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
    if (instruction.shared) return count_passes(instruction, request);
    std::array<uintptr_t, warp_size> addresses;
    size_t count = 0;
    for (uint32_t left = request.lanes; left != 0; left &= left - 1) {
        addresses[count++] = request.addresses[__builtin_ctz(left)];
    }
    const std::span asked = std::span(addresses).first(count);
    if (!std::ranges::is_sorted(asked)) std::ranges::sort(asked);
    count_sectors(instruction, asked);
}

/// Of addresses in ascending order.
void Traffic::count_sectors(Instruction& instruction, std::span<const uintptr_t> addresses) {
    const uintptr_t bytes = instruction.bytes;
    uintptr_t covered = 0;      // the end of what is counted
    uintptr_t next_sector = 0;  // the first that is not
    uint64_t distinct_bytes = 0;
    for (const uintptr_t address : addresses) {
        const uintptr_t end = address + bytes;
        if (end > covered) distinct_bytes += end - std::max(address, covered);
        covered = end;
        const uintptr_t first = std::max(address / sector_bytes, next_sector);
        const uintptr_t last = (end - 1) / sector_bytes;
        if (first > last) continue;
        next_sector = last + 1;
        instruction.sums.sectors += next_sector - first;
        if (instruction.access != Access::write) sectors_.add_read(first, last);
        if (instruction.access != Access::read) sectors_.add_written(first, last);
    }
    instruction.sums.ideal_sectors += (distinct_bytes + sector_bytes - 1) / sector_bytes;
}

void Traffic::count_passes(Instruction& instruction, const Request& request) {
    const uint32_t together = warp_size / std::max<uint32_t>(1, instruction.bytes / bank_bytes);
    for (uint32_t begin = 0; begin < warp_size; begin += together) {
        const uint32_t group = request.lanes >> begin & (~0u >> (warp_size - together));
        if (group == 0) continue;
        Banks asked;
        for (uint32_t left = group; left != 0; left &= left - 1) {
            const uintptr_t address = request.addresses[begin + static_cast<uint32_t>(__builtin_ctz(left))];
            const uintptr_t last = (address + instruction.bytes - 1) / bank_bytes;
            for (uintptr_t word = address / bank_bytes; word <= last; ++word) asked.ask(word);
        }
        instruction.sums.passes += asked.passes();
        ++instruction.sums.ideal_passes;
    }
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
