// Bytes on their way to a device: see host_bytes.h.

#include "engine/host_bytes.h"

#include <stdexcept>
#include <utility>

#include "kernels/runtime.h"

namespace vitrine {

HostBytes::~HostBytes() { release(); }

HostBytes::HostBytes(HostBytes&& other) noexcept
    : device_(other.device_),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      pinned_(std::exchange(other.pinned_, false)) {}

HostBytes& HostBytes::operator=(HostBytes&& other) noexcept {
    if (this == &other) return *this;
    release();
    device_ = other.device_;
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    pinned_ = std::exchange(other.pinned_, false);
    return *this;
}

void HostBytes::release() {
    if (pinned_)
        runtime(*device_).pinned.release(data_);
    else
        delete[] data_;
    data_ = nullptr;
    size_ = capacity_ = 0;
    pinned_ = false;
}

void HostBytes::allocate(size_t capacity) {
    release();
    const PinnedFunctions pinned = device_ ? runtime(*device_).pinned : PinnedFunctions{};
    if (pinned.allocate != nullptr) data_ = static_cast<uint8_t*>(pinned.allocate(capacity));
    pinned_ = data_ != nullptr;
    if (!pinned_) data_ = new uint8_t[capacity];
    capacity_ = capacity;
}

/// Batches of images of their own sizes differ by some percent, and pinned memory takes long to allocate: what has to grow grows
/// by more.
void HostBytes::resize(size_t size) {
    if (size > capacity_) allocate(capacity_ == 0 ? size : size + size / 8);
    size_ = size;
}

void HostBytes::send(Device device, void* to, size_t first, size_t bytes) const {
    if (first > size_ || bytes > size_ - first) throw std::logic_error("more bytes are sent than there are");
    const Runtime& of_device = runtime(device);
    if (pinned_ && device == device_)
        of_device.pinned.send(to, data_, first, bytes);
    else
        of_device.copy_from_host(to, data_ + first, bytes);
}

void HostBytes::wait() const {
    if (pinned_) runtime(*device_).pinned.wait(data_);
}

}  // namespace vitrine
