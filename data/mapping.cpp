// Mapped files and the handler of SIGBUS behind them: see mapping.h.

#include "data/mapping.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <mutex>

namespace vitrine {
namespace {

/// What a handler may look at: nothing that locks or allocates.
struct Range {
    std::atomic<bool> taken = false;
    std::atomic<uintptr_t> begin = 0;  // 0: nothing yet
    std::atomic<uintptr_t> end = 0;
    std::atomic<int> protection = 0;
    std::atomic<bool> lost = false;
};

constexpr size_t most_mappings =
    256;  // one is the rule; the further ones are left to the system's own answer
std::array<Range, most_mappings> ranges;
uintptr_t page_bytes = 0;
struct sigaction action_before {};

/// Zeros from the page that is missing to the end of its mapping.
bool put_zeros_at(uintptr_t address) {
    for (Range& range : ranges) {
        const uintptr_t end = range.end;
        if (range.begin == 0 || address < range.begin || address >= end) continue;
        const uintptr_t page = address / page_bytes * page_bytes;
        void* const place = reinterpret_cast<void*>(page);
        range.lost = true;
        return mmap(place, end - page, range.protection, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
               place;
    }
    return false;
}

void handle_bus_error(int, siginfo_t* info, void*) {
    const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
    // Another's fault happens again once the handler is gone, and ends as it would have.
    if (!put_zeros_at(address)) sigaction(SIGBUS, &action_before, nullptr);
}

void install_handler() {
    static std::once_flag once;
    std::call_once(once, [] {
        page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
        struct sigaction action {};
        action.sa_sigaction = handle_bus_error;
        action.sa_flags = SA_SIGINFO;
        sigaction(SIGBUS, &action, &action_before);
    });
}

/// most_mappings where the table is full.
size_t take_place() {
    size_t place = 0;
    while (place < most_mappings && ranges[place].taken.exchange(true)) ++place;
    return place;
}

}  // namespace

Mapping::Mapping(int descriptor, size_t bytes, Access access) : bytes_(bytes), place_(take_place()) {
    install_handler();
    const int protection = access == Access::write ? PROT_READ | PROT_WRITE : PROT_READ;
    void* address = mmap(nullptr, bytes, protection, MAP_SHARED, descriptor, 0);
    // MAP_FAILED is a cast in the old style, which the warnings forbid to spell out.
    if (reinterpret_cast<intptr_t>(address) == -1) return;
    data_ = static_cast<uint8_t*>(address);
    if (place_ == most_mappings) return;
    Range& range = ranges[place_];
    range.lost = false;
    range.protection = protection;
    range.end = reinterpret_cast<uintptr_t>(data_) + bytes;
    range.begin = reinterpret_cast<uintptr_t>(data_);
}

Mapping::~Mapping() {
    if (place_ < most_mappings) {
        ranges[place_].begin = 0;
        ranges[place_].taken = false;
    }
    if (is_mapped()) munmap(data_, bytes_);
}

void Mapping::will_need(size_t offset, size_t bytes) const {
    const size_t first = offset / page_bytes * page_bytes;
    madvise(data_ + first, std::min(offset + bytes, bytes_) - first, MADV_WILLNEED);
}

bool Mapping::is_lost() const { return place_ < most_mappings && ranges[place_].lost; }

}  // namespace vitrine
