// The bytes of an image file, in order or anywhere: in pieces, so that no more is read, and kept, than a
// decoder asks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/image.h"
#include "engine/input_file.h"

struct XXH3_state_s;

namespace vitrine {

/// A file on the disk, a part of one, or bytes in memory. What is read is limited by what an image could need: see
/// allow_pixels.
class ByteSource {
  public:
    /// `path` is for messages only; the bytes must outlive the source.
    ByteSource(std::span<const uint8_t> bytes, std::string path);
    /// Opens a regular file, never waiting for one that is something else. Throws ImageError.
    explicit ByteSource(const std::filesystem::path& file);
    /// A part of one: bytes beyond it are never seen.
    explicit ByteSource(const FileRange& range);
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;

    const std::string& path() const { return path_; }
    /// Bytes in all, whether read or not.
    uint64_t size() const { return size_; }

    /// The next bytes, at least 64 KiB of them or all that are left; none at the end. Stays valid until the
    /// next call.
    std::span<const uint8_t> look() noexcept;
    /// Goes past bytes that look() has shown.
    void consume(size_t count) noexcept;
    /// Takes `count` bytes, fewer only at the end.
    size_t read(uint8_t* target, size_t count) noexcept;
    /// Goes past `count` bytes, fewer only at the end.
    size_t skip(size_t count) noexcept;

    /// Bytes from anywhere, fewer where the file or what may be read of it ends; what is read in order stays
    /// where it is. The same byte counts each time that it is read.
    size_t read_at(uint64_t offset, uint8_t* target, size_t count) noexcept;

    /// The header says that there are so many pixels: their bytes may be read too, at most so many of each.
    /// Until then no more than metadata may have is.
    void allow_pixels(int64_t pixels, int64_t bytes_each = 8) noexcept;  // 8: four channels of 16 bits

    /// The image will be turned, for which it needs memory twice: see reserve_image_memory of decoders.h.
    void expect_turning() noexcept { expects_turning_ = true; }
    bool expects_turning() const noexcept { return expects_turning_; }

    /// No more than `bytes` are read in all.
    void limit_to(uint64_t bytes) noexcept { limit_ = bytes; }

    /// What was read of the file so far, which may be more than was consumed. After read_at: all up to the
    /// furthest byte, though no more than may be read.
    ContentHash content_read() const;

    /// Why the source ended before the file did, where it did: a read that failed, or the limit.
    std::optional<std::string> failure() const;

  private:
    template <typename Action>
    size_t take(size_t count, const Action& action) noexcept;
    void fill() noexcept;
    size_t read_file_at(uint64_t offset, uint8_t* target, size_t count) noexcept;
    ContentHash hash_up_to(uint64_t bytes) const;

    std::string path_;
    uint64_t size_ = 0;
    std::span<const uint8_t> memory_;
    std::optional<InputFile> file_;
    uint64_t start_ = 0;    // in it
    bool is_part_ = false;  // of it, which ends at size_
    std::vector<uint8_t> buffer_;
    std::span<const uint8_t> ready_;  // read and not consumed
    uint64_t taken_ = 0;              // bytes that became ready
    uint64_t limit_;
    bool expects_turning_ = false;
    uint64_t taken_anywhere_ = 0;  // by read_at
    uint64_t furthest_ = 0;        // where that ended last in the file
    std::string error_;
    std::unique_ptr<XXH3_state_s, void (*)(XXH3_state_s*)> hash_;
};

}  // namespace vitrine
