// What a launch has read as read-only memory, and which of it the same launch has written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace vitrine::simt {

class Grid;

inline constexpr uint32_t read_only_page_bytes = 4096;  // as the shadow's pages

/// Which bytes of a page one instruction has read.
struct ReadOnlyPage {
    uint64_t read[read_only_page_bytes / 64] = {};
};

/// By the page's number, in the upper half, and the instruction's short code.
using ReadOnlyPages = std::unordered_map<uint64_t, ReadOnlyPage>;

/// The reads of one OS thread.
class ReadOnlyReads {
  public:
    /// `offset` from the beginning of the device's memory.
    void add(size_t offset, uint32_t bytes, uint32_t code) {
        while (bytes != 0) {
            const uint32_t begin = static_cast<uint32_t>(offset % read_only_page_bytes);
            const uint32_t here = bytes < read_only_page_bytes - begin ? bytes : read_only_page_bytes - begin;
            uint64_t* const read = page(offset / read_only_page_bytes, code).read;
            for (uint32_t at = begin; at < begin + here; ++at) read[at / 64] |= uint64_t{1} << at % 64;
            offset += here;
            bytes -= here;
        }
    }

    /// All pages; none is left.
    ReadOnlyPages take();

  private:
    static constexpr size_t remembered = 64;
    struct Remembered {
        uint64_t key = UINT64_MAX;
        ReadOnlyPage* page = nullptr;
    };

    /// A loop reads a few pages at a few places again and again.
    ReadOnlyPage& page(uint64_t number, uint32_t code) {
        const uint64_t key = number << 32 | code;
        Remembered& last = last_[(number ^ code) % remembered];
        if (last.key != key) last = {key, &find(key)};
        return *last.page;
    }
    ReadOnlyPage& find(uint64_t key);

    ReadOnlyPages pages_;
    Remembered last_[remembered];
};

/// Adds all pages to `sum`.
void add(ReadOnlyPages& sum, ReadOnlyPages pages);

/// Adds a finding to the launch for each place of the source that has changed a byte which the launch reads
/// as read-only. All of its blocks must be done.
void report_written(const ReadOnlyPages& pages, Grid& grid);

}  // namespace vitrine::simt
