// How many threads of a kernel fit on a streaming multiprocessor (SM) at once, and what stops more.
#pragma once

#include <span>

#include "lab/resources/report/kernel_resources.h"

namespace vitrine::resources {

/// What one SM has. Source: CUDA C++ Programming Guide, "Compute Capabilities", table of technical
/// specifications, and cuda_occupancy.h of the CUDA toolkit, which tests/cuda compares with.
struct Architecture {
    int number;  // 75 for compute capability 7.5
    int threads;
    int blocks;
    int shared_kibibytes;
    int reserved_shared_bytes;     // of each block, for the system
    int shared_granularity_bytes;  // what a block gets is a multiple of it
};

inline constexpr int registers_of_multiprocessor = 65536;
inline constexpr int register_granularity = 256;  // a warp gets a multiple of it
inline constexpr int warp_threads = 32;
inline constexpr int partitions = 4;  // of an SM, with a quarter of the registers each; a warp lives in one

/// Those that Vitrine is built for.
std::span<const Architecture> architectures();

/// Null for an architecture that the table does not have.
const Architecture* find_architecture(int number);

struct Occupancy {
    int blocks = 0;               // of the kernel, at once on one SM
    int threads = 0;              // the same in threads
    const char* limited_by = "";  // threads, blocks, registers or shared memory: the first that is used up
};

/// For blocks of kernel.block_threads threads, which must be known, with no dynamic shared memory.
Occupancy occupancy(const Architecture& architecture, const KernelResources& kernel);

}  // namespace vitrine::resources
