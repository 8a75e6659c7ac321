// Where the pixels of images go that are decoded by several threads, their sizes unknown before: one after the other, in
// the order in which they come, into a file or into memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>

namespace vitrine {

/// Puts an image's pixels behind those before it and returns where they begin, a multiple of 64.
using AppendPixels = std::function<int64_t(std::span<const uint8_t> pixels)>;

/// What an image takes, its end filled up.
constexpr size_t slot_bytes(size_t pixel_bytes) { return (pixel_bytes + 63) / 64 * 64; }

/// The file could not be written to, and its errno.
struct SlotFailure {
    int number;
};

/// In an open file, from a byte of it on.
class FileSlots {
  public:
    /// At least `expected` bytes are going to come. Their room is reserved now, that of more in steps, so that a full disk
    /// is noticed before the work. Throws SlotFailure, as append does.
    FileSlots(int descriptor, size_t first, size_t expected);
    int64_t append(std::span<const uint8_t> pixels);
    /// So far; the file may be longer.
    size_t bytes() const { return end_; }

  private:
    size_t take(size_t bytes);
    /// 0, or an errno.
    int reserve(size_t end);

    int descriptor_;
    size_t first_;
    std::mutex mutex_;
    size_t end_ = 0, reserved_ = 0;
};

class MemorySlots {
  public:
    explicit MemorySlots(size_t expected);
    int64_t append(std::span<const uint8_t> pixels);
    /// All of them. Nothing can be appended after it.
    std::shared_ptr<const uint8_t> take();

  private:
    struct Free {
        void operator()(uint8_t* memory) const;
    };
    size_t take(size_t bytes);
    void resize(size_t bytes);

    std::shared_mutex mutex_;  // memory is moved by one, written to by many
    std::unique_ptr<uint8_t, Free> memory_;
    size_t end_ = 0, capacity_ = 0;
};

/// Writes all of it at this place. Throws SlotFailure.
void write_at(int descriptor, std::span<const uint8_t> bytes, size_t offset);

}  // namespace vitrine
