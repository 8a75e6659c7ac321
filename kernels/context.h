// What every kernel is given beside its arguments: scratch memory that lives until the kernel returns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/device.h"

namespace vitrine {

/// Device memory for one kernel call at a time. Blocks are kept and reused, so that after the first steps
/// nothing is allocated any more.
class Scratch {
  public:
    explicit Scratch(Device device) : device_(device) {}
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    /// Uninitialised memory, aligned to 256 bytes, valid until the running kernel returns.
    void* take(size_t bytes);

    template <class T>
    T* take(int64_t count) {
        return static_cast<T*>(take(static_cast<size_t>(count) * sizeof(T)));
    }

    /// Makes all blocks free again: called after every kernel.
    void reset() { used_ = 0; }

    size_t bytes_held() const;

  private:
    struct Block {
        void* memory;
        size_t bytes;
    };

    Device device_;
    std::vector<Block> blocks_;
    size_t used_ = 0;
};

struct Context {
    Device device;
    Scratch& scratch;
};

/// The context of a device. One host thread drives a device; kernels use threads inside.
Context& context(Device device);

}  // namespace vitrine
