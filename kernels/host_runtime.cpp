// The runtime of the devices that live in the host's memory.

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "kernels/devices.h"
#include "kernels/error.h"

namespace vitrine {
namespace {

constexpr size_t huge_page = size_t{2} << 20;

void* allocate(size_t bytes) {
    // Large blocks ask for huge pages: a training step touches gigabytes, and with pages of 4 KiB a good part
    // of its time would go into page faults and misses of the address cache.
    const size_t alignment = bytes >= huge_page ? huge_page : 256;
    const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
    if (memory == nullptr) throw Error(fmt::format("out of memory: {} bytes were asked for", bytes));
    if (alignment == huge_page) madvise(memory, rounded, MADV_HUGEPAGE);
    return memory;
}

void copy(void* to, const void* from, size_t bytes) {
    if (bytes != 0) std::memmove(to, from, bytes);
}

void zero(void* memory, size_t bytes) {
    if (bytes != 0) std::memset(memory, 0, bytes);
}

/// Everything is complete on return.
void synchronise() {}

size_t free_bytes() {
    return static_cast<size_t>(sysconf(_SC_AVPHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

const Runtime& host_runtime() {
    static constexpr GraphFunctions no_graphs{
        "kernels are functions that the host calls, and nothing is launched",
        nullptr,
        nullptr,
        nullptr,
        nullptr,
        nullptr};
    static constexpr Runtime functions{allocate,   std::free,   copy, copy,      copy, zero,
                                       free_bytes, synchronise, true, no_graphs, {},   {}};
    return functions;
}

}  // namespace vitrine
