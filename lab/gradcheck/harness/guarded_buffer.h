// Device memory between two guard zones, which show when a kernel writes outside of its buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "kernels/dtype.h"

namespace vitrine::gradcheck {

enum class Placement {
    aligned,     // to 256 bytes, as the engine's tensors are
    misaligned,  // to the size of an element and to nothing more
    bare,        // aligned, without guard zones: for a device that reports every access outside of its memory
};

/// `count` elements on a device. Values are given and read as double, and are rounded to the buffer's type.
///
/// The guard zones hold signalling NaNs: whatever is computed from a value read there is a NaN, and a sum
/// written back there is a quiet one, which differs.
class GuardedBuffer {
  public:
    GuardedBuffer(Device device, DType dtype, int64_t count, Placement placement);
    ~GuardedBuffer();
    GuardedBuffer(const GuardedBuffer&) = delete;
    GuardedBuffer& operator=(const GuardedBuffer&) = delete;

    void* data() const { return memory_ + begin_; }
    int64_t count() const { return count_; }

    void fill(std::span<const double> values);
    /// NaN in every element (−1 in an i32, 255 in a u8), so that one that is not overwritten shows.
    void poison();
    void set(int64_t index, double value);

    std::vector<double> values() const;
    std::vector<std::byte> bytes() const;
    /// What happened to the guard zones ("3 bytes past its end were overwritten"), or nothing.
    std::string damage() const;

  private:
    void upload(const std::vector<std::byte>& elements);
    std::vector<std::byte> guard() const;

    Device device_;
    DType dtype_;
    int64_t count_;
    size_t begin_;   // of the elements, in bytes from the start of the memory
    size_t size_;    // of the elements, in bytes
    size_t behind_;  // of the zone behind them, in bytes
    std::byte* memory_;
};

/// Each value as the type holds it: what a buffer of that type gives back.
std::vector<double> rounded_to(DType dtype, std::vector<double> values);

}  // namespace vitrine::gradcheck
