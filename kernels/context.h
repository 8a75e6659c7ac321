// What every kernel is given beside its arguments: scratch memory that lives until the kernel returns, the batch norms that
// follow it, and, while a step is recorded as a graph, where the numbers lie that change from step to step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/device.h"
#include "kernels/norms_behind.h"
#include "kernels/step_settings.h"

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

    /// While one lives, no memory that was handed out is given back to the device: a graph may use it.
    class Kept {
      public:
        explicit Kept(Scratch& scratch) : scratch_(scratch) { ++scratch_.keepers_; }
        ~Kept() { scratch_.end_keeping(); }
        Kept(const Kept&) = delete;
        Kept& operator=(const Kept&) = delete;

      private:
        Scratch& scratch_;
    };

  private:
    void give_back(void* memory);
    void end_keeping();

    struct Block {
        void* memory;
        size_t bytes;
    };

    Device device_;
    std::vector<Block> blocks_;
    size_t used_ = 0;
    int keepers_ = 0;
    std::vector<void*> outgrown_;  // kept, and of no other use
};

struct Context {
    Device device;
    Scratch& scratch;
    /// In the device's memory; null: arguments say everything. On devices that have graphs alone.
    const StepSettings* settings = nullptr;
    NormsBehind norms{};
};

/// The context of a device. One host thread drives a device; kernels use threads inside.
Context& context(Device device);

}  // namespace vitrine
