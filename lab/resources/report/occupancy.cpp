// The occupancy of a kernel: the smallest of four limits.

#include "lab/resources/report/occupancy.h"

#include <algorithm>
#include <climits>

namespace vitrine::resources {
namespace {

constexpr Architecture table[]{
    {75, 1024, 16, 64, 0, 256},       // T4, RTX 20
    {80, 2048, 32, 164, 1024, 128},   // A100
    {86, 1536, 16, 100, 1024, 128},   // A10, RTX 30
    {89, 1536, 24, 100, 1024, 128},   // L4, RTX 40
    {90, 2048, 32, 228, 1024, 128},   // H100
    {100, 2048, 32, 228, 1024, 128},  // B200
    {120, 1536, 24, 100, 1024, 128},  // RTX 50
};

int round_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

int blocks_by_registers(const KernelResources& kernel, int warps) {
    const int of_a_warp = round_up(kernel.registers * warp_threads, register_granularity);
    if (of_a_warp == 0) return INT_MAX;
    const int warps_of_a_partition = registers_of_multiprocessor / partitions / of_a_warp;
    return warps_of_a_partition * partitions / warps;
}

int blocks_by_shared_memory(const Architecture& architecture, const KernelResources& kernel) {
    const int of_a_block = round_up(kernel.shared_bytes + architecture.reserved_shared_bytes,
                                    architecture.shared_granularity_bytes);
    return of_a_block == 0 ? INT_MAX : architecture.shared_kibibytes * 1024 / of_a_block;
}

}  // namespace

std::span<const Architecture> architectures() { return table; }

const Architecture* find_architecture(int number) {
    const auto found = std::ranges::find(table, number, &Architecture::number);
    return found == std::end(table) ? nullptr : found;
}

Occupancy occupancy(const Architecture& architecture, const KernelResources& kernel) {
    const int warps = (kernel.block_threads + warp_threads - 1) / warp_threads;
    struct Limit {
        int blocks;
        const char* name;
    };
    const Limit limits[]{{architecture.threads / warp_threads / warps, "threads"},
                         {architecture.blocks, "blocks"},
                         {blocks_by_registers(kernel, warps), "registers"},
                         {blocks_by_shared_memory(architecture, kernel), "shared memory"}};
    const Limit& least = *std::ranges::min_element(limits, {}, &Limit::blocks);
    return {least.blocks, least.blocks * warps * warp_threads, least.name};
}

}  // namespace vitrine::resources
