// Buffers of the simt device: first fit in one reserved range of addresses.

#include "kernels/simt/executor/device_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "kernels/error.h"
#include "kernels/simt/executor/host_access.h"
#include "kernels/simt/executor/shadow.h"
#include "kernels/simt/launch.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace vitrine::simt {
namespace {

constexpr size_t guard = 256;
constexpr size_t huge_page = size_t{2} << 20;
constexpr size_t commit_step = huge_page;
constexpr unsigned char canary = 0xC5;
constexpr unsigned char poison = 0xFF;

size_t round_up(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

/// What a buffer takes: its bytes up to a full granule, and a guard on each side.
size_t footprint(size_t bytes) {
    return 2 * guard + round_up(std::max<size_t>(bytes, 1), DeviceMemory::alignment);
}

void* reserve(size_t bytes, int protection) {
    void* memory = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        throw Error(fmt::format(
            "the simt device needs {} GiB of address space, which this system refuses: lift ulimit -v",
            DeviceMemory::capacity >> 30));
    }
    return memory;
}

/// In huge pages where there are any: to open and close 64 MiB of small ones for each launch takes
/// milliseconds, and of huge ones microseconds.
uintptr_t reserve_device_memory() {
    const auto begin = reinterpret_cast<uintptr_t>(reserve(DeviceMemory::capacity + huge_page, PROT_NONE));
    const uintptr_t base = round_up(begin, huge_page);
    madvise(reinterpret_cast<void*>(base), DeviceMemory::capacity, MADV_HUGEPAGE);
    return base;
}

/// With address sanitizer the guards are its red zones: the access itself is caught.
void guard_from_sanitizer([[maybe_unused]] uintptr_t begin, [[maybe_unused]] size_t bytes,
                          [[maybe_unused]] bool on) {
#ifdef __SANITIZE_ADDRESS__
    if (on) {
        __asan_poison_memory_region(reinterpret_cast<void*>(begin), bytes);
    } else {
        __asan_unpoison_memory_region(reinterpret_cast<void*>(begin), bytes);
    }
#endif
}

void fill(uintptr_t begin, unsigned char value, size_t bytes) {
    std::memset(reinterpret_cast<void*>(begin), value, bytes);
}

/// Of at most two guards: looked at after every launch, for every buffer.
[[maybe_unused]] bool all_canary(uintptr_t begin, size_t bytes) {
    static const auto whole = [] {
        std::array<unsigned char, 2 * guard> result;
        result.fill(canary);
        return result;
    }();
    return std::memcmp(reinterpret_cast<const void*>(begin), whole.data(), bytes) == 0;
}

/// All that the machine has, which is less than the addresses; guards between buffers need some of these.
size_t memory_of_machine() {
    const size_t bytes =
        static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
    return std::min(bytes, DeviceMemory::capacity / 2);
}

}  // namespace

DeviceMemory& DeviceMemory::instance() {
    // Never destroyed: what others hold to the end of the program is released after static objects are gone.
    static DeviceMemory& memory = *new DeviceMemory;
    return memory;
}

class DeviceMemory::OpenUnderMutex {
  public:
    explicit OpenUnderMutex(DeviceMemory& memory) : memory_(memory) { memory_.open_under_mutex(); }
    ~OpenUnderMutex() { memory_.close_under_mutex(); }
    OpenUnderMutex(const OpenUnderMutex&) = delete;
    OpenUnderMutex& operator=(const OpenUnderMutex&) = delete;

  private:
    DeviceMemory& memory_;
};

DeviceMemory::DeviceMemory()
    : base_(reserve_device_memory()),
      live_in_granule_(
          static_cast<uint16_t*>(reserve(capacity / alignment * sizeof(uint16_t), PROT_READ | PROT_WRITE))),
      total_(memory_of_machine()) {
    free_[0] = capacity;
    watch_host_accesses();
}

void DeviceMemory::protect(int protection) {
    if (committed_ != 0) mprotect(reinterpret_cast<void*>(base_), committed_, protection);
}

void DeviceMemory::open_under_mutex() {
    if (opened_++ == 0) protect(PROT_READ | PROT_WRITE);
}

void DeviceMemory::close_under_mutex() {
    if (--opened_ != 0) return;
    protect(PROT_NONE);
    watch_host_accesses();
}

void DeviceMemory::open() {
    const std::lock_guard lock(mutex_);
    open_under_mutex();
}

void DeviceMemory::close() {
    const std::lock_guard lock(mutex_);
    close_under_mutex();
}

size_t DeviceMemory::take_room(size_t bytes) {
    const auto room = std::ranges::find_if(free_, [&](const auto& entry) { return entry.second >= bytes; });
    if (room == free_.end()) {
        throw Error(fmt::format("the simt device is out of memory: {} bytes were asked for, {} are held",
                                bytes - 2 * guard, held_));
    }
    const auto [begin, size] = *room;
    const size_t end = begin + bytes;
    if (end > committed_) {
        const size_t commit = round_up(end, commit_step);
        if (mprotect(reinterpret_cast<void*>(base_ + committed_), commit - committed_,
                     PROT_READ | PROT_WRITE) != 0) {
            throw Error(fmt::format("the simt device is out of memory: {} bytes were asked for, {} are held",
                                    bytes - 2 * guard, held_));
        }
        committed_ = commit;
    }
    free_.erase(room);
    if (size > bytes) free_[end] = size - bytes;
    return begin;
}

void DeviceMemory::give_room(size_t begin, size_t bytes) {
    auto next = free_.lower_bound(begin);
    if (next != free_.end() && next->first == begin + bytes) {
        bytes += next->second;
        next = free_.erase(next);
    }
    if (next != free_.begin()) {
        const auto previous = std::prev(next);
        if (previous->first + previous->second == begin) {
            previous->second += bytes;
            return;
        }
    }
    free_[begin] = bytes;
}

void DeviceMemory::mark(size_t begin, size_t bytes, bool live) {
    for (size_t done = 0; done < bytes; done += alignment) {
        const size_t here = std::min(alignment, bytes - done);
        live_in_granule_[(begin + done) / alignment] = live ? static_cast<uint16_t>(here) : uint16_t{0};
    }
}

size_t DeviceMemory::held() const {
    const std::lock_guard lock(mutex_);
    return held_;
}

void* DeviceMemory::allocate(size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes > total_ - held_) {
        throw Error(fmt::format("the simt device is out of memory: {} bytes were asked for, {} are held",
                                bytes, held_));
    }
    const size_t all = footprint(bytes);
    const OpenUnderMutex open(*this);
    const size_t room = take_room(all);
    const size_t begin = room + guard;
    guard_from_sanitizer(base_ + room, all, false);
    fill(base_ + room, canary, guard);
    // A sample of blocks touches little of what may be more than the machine has.
    if (settings().most_blocks == 0) fill(base_ + begin, poison, bytes);
    fill(base_ + begin + bytes, canary, all - guard - bytes);
    guard_from_sanitizer(base_ + room, guard, true);
    guard_from_sanitizer(base_ + begin + bytes, all - guard - bytes, true);
    mark(begin, bytes, true);
    live_[begin] = bytes;
    held_ += bytes;
    return reinterpret_cast<void*>(base_ + begin);
}

void DeviceMemory::release(void* memory) {
    if (memory == nullptr) return;
    const std::lock_guard lock(mutex_);
    const auto entry = live_.find(offset(reinterpret_cast<uintptr_t>(memory)));
    if (entry == live_.end())
        throw std::logic_error("release of memory that the simt device did not allocate");
    const auto [begin, bytes] = *entry;
    const OpenUnderMutex open(*this);
    const std::string damage = broken_canary_of(begin, bytes);
    const size_t all = footprint(bytes);
    mark(begin, bytes, false);
    global_shadow().forget(base_ + begin, bytes);
    guard_from_sanitizer(base_ + begin - guard, all, true);
    live_.erase(entry);
    held_ -= bytes;
    give_room(begin - guard, all);
    if (!damage.empty()) throw Error(damage);
}

std::string DeviceMemory::broken_canary_of([[maybe_unused]] size_t begin,
                                           [[maybe_unused]] size_t bytes) const {
#ifndef __SANITIZE_ADDRESS__
    const size_t all = footprint(bytes);
    if (!all_canary(base_ + begin - guard, guard)) {
        return fmt::format("the bytes before a buffer of {} bytes were overwritten", bytes);
    }
    if (!all_canary(base_ + begin + bytes, all - guard - bytes)) {
        return fmt::format("the bytes after a buffer of {} bytes were overwritten", bytes);
    }
#endif
    return {};
}

std::string DeviceMemory::broken_canary() const {
    const std::lock_guard lock(mutex_);
    for (const auto& [begin, bytes] : live_) {
        std::string damage = broken_canary_of(begin, bytes);
        if (!damage.empty()) return damage;
    }
    return {};
}

void DeviceMemory::require(const void* memory, size_t bytes, const char* what) const {
    if (bytes == 0) return;
    const std::lock_guard lock(mutex_);
    const uintptr_t address = reinterpret_cast<uintptr_t>(memory);
    if (contains(address)) {
        const size_t begin = offset(address);
        const auto after = live_.upper_bound(begin);
        if (after != live_.begin()) {
            const auto& [start, size] = *std::prev(after);
            if (begin - start < size && bytes <= size - (begin - start)) return;
        }
    }
    throw Error(
        fmt::format("{} {} bytes that do not lie inside of one buffer of the simt device", what, bytes));
}

void DeviceMemory::require_host(const void* memory, size_t bytes, const char* what) const {
    if (bytes == 0) return;
    const uintptr_t address = reinterpret_cast<uintptr_t>(memory);
    if (contains(address) || contains(address + bytes - 1)) {
        throw Error(fmt::format("{} {} bytes of the simt device as if they were the host's", what, bytes));
    }
}

std::string DeviceMemory::place(uintptr_t address) const {
    const std::lock_guard lock(mutex_);
    return place_under_mutex(address);
}

AddressRange DeviceMemory::buffer_of(uintptr_t address) const {
    const std::lock_guard lock(mutex_);
    const auto& [start, size] = *std::prev(live_.upper_bound(offset(address)));
    return {base_ + start, base_ + start + size};
}

std::string DeviceMemory::describe(uintptr_t address) const {
    const std::lock_guard lock(mutex_);
    return describe_under_mutex(address);
}

std::string DeviceMemory::try_describe(uintptr_t address) const {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return {};
    return live(address, 1) ? place_under_mutex(address) : describe_under_mutex(address);
}

std::string DeviceMemory::place_under_mutex(uintptr_t address) const {
    const auto& [start, size] = *std::prev(live_.upper_bound(offset(address)));
    return fmt::format("byte {} of a buffer of {} bytes", offset(address) - start, size);
}

std::string DeviceMemory::describe_under_mutex(uintptr_t address) const {
    const size_t at = offset(address);
    const auto after = live_.upper_bound(at);
    if (after != live_.begin()) {
        const auto& [start, size] = *std::prev(after);
        const size_t past = at - start - size;
        if (after == live_.end() || past < after->first - at) {
            return fmt::format("{} bytes past the end of a buffer of {} bytes", past, size);
        }
    }
    if (after != live_.end()) {
        return fmt::format("{} bytes before the beginning of a buffer of {} bytes", after->first - at,
                           after->second);
    }
    return "where there is no buffer";
}

}  // namespace vitrine::simt
