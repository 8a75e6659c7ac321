// Bytes of the host that are filled by one thread, sent to a device by another, and filled again.
//
// Where a device has memory of its own they are pinned, if the host has enough of that: the device's copies
// read them by themselves, when their turn comes, and whoever drives the device does not wait for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "kernels/device.h"

namespace vitrine {

class HostBytes {
  public:
    /// None, in ordinary memory.
    HostBytes() = default;
    /// None, in memory that this device's copies read.
    explicit HostBytes(Device device) : device_(device) {}
    ~HostBytes();
    HostBytes(HostBytes&& other) noexcept;
    HostBytes& operator=(HostBytes&& other) noexcept;

    /// So many bytes, whose values are open. Where some were sent, the caller has waited.
    void resize(size_t size);
    void clear() { size_ = 0; }

    uint8_t* data() { return data_; }
    const uint8_t* data() const { return data_; }
    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    uint8_t* begin() { return data_; }
    uint8_t* end() { return data_ + size_; }
    const uint8_t* begin() const { return data_; }
    const uint8_t* end() const { return data_ + size_; }

    std::optional<Device> device() const { return device_; }

    /// Sends so many from `first` on to memory of the device, in the order of what it is asked for, and returns at once where they
    /// are pinned: they must stay as they are until wait() has returned.
    void send(Device device, void* to, size_t first, size_t bytes) const;
    void wait() const;

  private:
    void allocate(size_t capacity);
    void release();

    std::optional<Device> device_;  // none: ordinary memory
    uint8_t* data_ = nullptr;
    size_t size_ = 0, capacity_ = 0;
    bool pinned_ = false;
};

}  // namespace vitrine
