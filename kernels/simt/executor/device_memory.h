// The address range behind kernels/simt/memory.h: which bytes belong to a live buffer, and when it can be
// reached.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "kernels/simt/executor/symbols.h"

namespace vitrine::simt {

class DeviceMemory {
  public:
    static DeviceMemory& instance();

    /// Between the two, on whatever thread, the memory can be reached. At all other times an access ends the
    /// program: see host_access.h. Pairs may overlap.
    void open();
    void close();

    class Open {
      public:
        Open() { instance().open(); }
        ~Open() { instance().close(); }
        Open(const Open&) = delete;
        Open& operator=(const Open&) = delete;
    };

    void* allocate(size_t bytes);
    void release(void* memory);

    uintptr_t base() const { return base_; }
    /// Of each 256 bytes from base() on, how many, from the first, belong to a live buffer.
    const uint16_t* live_in_granule() const { return live_in_granule_; }

    bool contains(uintptr_t address) const { return address - base_ < capacity; }
    size_t offset(uintptr_t address) const { return address - base_; }

    /// Whether all bytes of an access of at most 256 bytes lie in one live buffer.
    bool live(uintptr_t address, size_t bytes) const {
        const size_t first = offset(address);
        const size_t last = first + bytes - 1;
        return live_byte(first) && live_byte(last);
    }

    /// Throws Error if the bytes are not all in one live buffer.
    void require(const void* memory, size_t bytes, const char* what) const;
    /// Throws Error if there are bytes among the device's addresses.
    void require_host(const void* memory, size_t bytes, const char* what) const;

    /// "byte 12 of a buffer of 400 bytes", for an address that is live.
    std::string place(uintptr_t address) const;

    /// The live buffer that holds the address, which is live.
    AddressRange buffer_of(uintptr_t address) const;

    /// place() or describe(), or nothing while another call is being served: for a handler of signals.
    std::string try_describe(uintptr_t address) const;

    /// Whether somebody has opened the memory.
    bool is_open() const { return opened_ != 0; }

    /// "4 bytes past the end of a buffer of 400 bytes", for an address that is not live.
    std::string describe(uintptr_t address) const;

    /// A sentence about the first buffer whose canaries were overwritten, or nothing.
    std::string broken_canary() const;

    /// Bytes of live buffers, and how many there may be: this machine's memory.
    size_t held() const;
    size_t total() const { return total_; }

    static constexpr size_t capacity = size_t{64} << 30;  // of addresses; memory is used as it is touched
    static constexpr size_t alignment = 256;

  private:
    class OpenUnderMutex;

    DeviceMemory();
    void open_under_mutex();
    void close_under_mutex();
    void protect(int protection);
    std::string place_under_mutex(uintptr_t address) const;
    std::string describe_under_mutex(uintptr_t address) const;
    bool live_byte(size_t offset) const { return offset % alignment < live_in_granule_[offset / alignment]; }
    void mark(size_t begin, size_t bytes, bool live);
    std::string broken_canary_of(size_t begin, size_t bytes) const;
    size_t take_room(size_t bytes);
    void give_room(size_t begin, size_t bytes);

    mutable std::mutex mutex_;
    uintptr_t base_;
    size_t committed_ = 0;         // of the address range, from its beginning
    size_t held_ = 0;              // bytes of live buffers
    std::atomic<int> opened_ = 0;  // how often, and not closed again
    uint16_t* live_in_granule_;
    size_t total_;
    std::map<size_t, size_t> live_;  // offset -> bytes
    std::map<size_t, size_t> free_;  // offset -> bytes; neighbours are merged
};

}  // namespace vitrine::simt
