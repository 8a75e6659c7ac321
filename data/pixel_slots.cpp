// Slots for pixels: see pixel_slots.h.

#include "data/pixel_slots.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <utility>

namespace vitrine {
namespace {

constexpr size_t step = size_t{64} << 20;

[[noreturn]] void throw_failure(int failure) { throw SlotFailure{failure}; }

}  // namespace

void write_at(int descriptor, std::span<const uint8_t> bytes, size_t offset) {
    while (!bytes.empty()) {
        const ssize_t written = pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) throw_failure(errno);
        bytes = bytes.subspan(static_cast<size_t>(written));
        offset += static_cast<size_t>(written);
    }
}

FileSlots::FileSlots(int descriptor, size_t first, size_t expected) : descriptor_(descriptor), first_(first) {
    if (const int failure = reserve(expected); failure != 0) throw_failure(failure);
}

/// Where the system cannot, the library writes to each block: to none that a thread was given already.
int FileSlots::reserve(size_t end) {
    if (end <= reserved_) return 0;
    const auto from = static_cast<off_t>(first_ + reserved_);
    const int failure = posix_fallocate(descriptor_, from, static_cast<off_t>(end - reserved_));
    if (failure == 0) reserved_ = end;
    return failure;
}

size_t FileSlots::take(size_t bytes) {
    const std::lock_guard lock(mutex_);
    const size_t begin = std::exchange(end_, end_ + slot_bytes(bytes));
    // Where there is no room for a whole step, there may be enough.
    if (end_ > reserved_) reserve(reserved_ + step);
    if (const int failure = reserve(end_); failure != 0) throw_failure(failure);
    return begin;
}

int64_t FileSlots::append(std::span<const uint8_t> pixels) {
    const size_t begin = take(pixels.size());
    write_at(descriptor_, pixels, first_ + begin);
    return static_cast<int64_t>(begin);
}

void MemorySlots::Free::operator()(uint8_t* memory) const { std::free(memory); }

MemorySlots::MemorySlots(size_t expected) { resize(expected); }

/// Large blocks are moved by the system, which copies nothing.
void MemorySlots::resize(size_t bytes) {
    auto* moved = static_cast<uint8_t*>(std::realloc(memory_.get(), std::max<size_t>(bytes, 1)));
    if (moved == nullptr) throw std::bad_alloc();
    static_cast<void>(memory_.release());
    memory_.reset(moved);
    capacity_ = bytes;
}

size_t MemorySlots::take(size_t bytes) {
    const std::unique_lock lock(mutex_);
    const size_t begin = std::exchange(end_, end_ + slot_bytes(bytes));
    if (end_ > capacity_) resize(std::max(end_, capacity_ + std::max(step, capacity_ / 2)));
    return begin;
}

int64_t MemorySlots::append(std::span<const uint8_t> pixels) {
    const size_t begin = take(pixels.size());
    const std::shared_lock lock(mutex_);
    std::ranges::copy(pixels, memory_.get() + begin);
    return static_cast<int64_t>(begin);
}

std::shared_ptr<const uint8_t> MemorySlots::take() {
    resize(end_);
    return std::move(memory_);
}

}  // namespace vitrine
