// The set of global memory's sectors that a launch has touched: what it would move if a cache kept
// everything.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>

namespace vitrine::simt {

/// 32-byte sectors by their number (address / 32), those read and those written kept apart.
class SectorSet {
  public:
    static constexpr uintptr_t sector_bytes = 32;

    void clear();

    /// All sectors from `first` to `last`.
    void add_read(uintptr_t first, uintptr_t last);
    void add_written(uintptr_t first, uintptr_t last);
    void add(const SectorSet& other);

    uint64_t read() const { return count(&Page::read); }
    uint64_t written() const { return count(&Page::written); }

  private:
    static constexpr uintptr_t words = 4;  // of 64 sectors: a page is 8 KiB of memory
    using Bits = std::array<uint64_t, words>;
    struct Page {
        Bits read{};
        Bits written{};
    };

    Page& page(uintptr_t number);
    template <class Add>
    void for_each(uintptr_t first, uintptr_t last, Add&& add);
    uint64_t count(Bits Page::*kind) const;

    std::unordered_map<uintptr_t, Page> pages_;
    uintptr_t last_number_ = 0;  // what was asked for last is mostly asked for next
    Page* last_page_ = nullptr;
};

}  // namespace vitrine::simt
