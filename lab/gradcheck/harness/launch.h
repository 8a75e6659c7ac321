// One launch of a kernel on guarded buffers, and everything that must hold of a launch whatever is computed.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lab/gradcheck/harness/guarded_buffer.h"
#include "lab/gradcheck/harness/problem.h"

namespace vitrine::gradcheck {

enum class Access {
    read,    // holds `values`, which must be unchanged afterwards
    write,   // poisoned before
    update,  // holds `values` before; anything after
};

struct Slot {
    std::string name;
    DType dtype = DType::f64;
    Access access = Access::read;
    int64_t count = 0;
    std::vector<double> values{};
    GradMode mode = GradMode::write;
    std::string shares{};  // the slot whose memory this one uses too, or empty
};

/// The memory of a launch. It can be run any number of times: every run starts from the same contents.
class Launch {
  public:
    Launch(Device device, DType dtype, std::vector<Slot> slots, Placement placement);

    /// Why the implementation refuses these arguments, or null.
    const char* refuses(const Callable& implementation) const {
        return implementation.refuses(dtype_, bindings_);
    }

    /// What these arguments cost at least.
    Cost least(const BoundPass& pass) const { return pass.least(dtype_, bindings_); }

    /// Prepares the buffers, runs and waits until the device has done it. An exception from the kernel
    /// becomes a violation; a DeviceFault is thrown.
    void run(const Callable& implementation);

    /// One sentence for each promise that the last run broke: guard zones, constant inputs, exceptions.
    std::vector<std::string> violations() const;

    std::vector<double> values(std::string_view name) const { return buffer(name).values(); }
    const std::vector<Slot>& slots() const { return slots_; }
    const void* memory_of(std::string_view name) const { return buffer(name).data(); }
    /// The contents of all slots that the kernel may change, one after the other: to compare bits.
    std::vector<std::byte> result_bytes() const;

    /// Changes an input of later runs.
    void set_value(std::string_view name, int64_t index, double value);
    void set_values(std::string_view name, std::vector<double> values);

  private:
    GuardedBuffer& buffer(std::string_view name) const;
    size_t slot_index(std::string_view name) const;
    void prepare();

    Device device_;
    DType dtype_;
    std::vector<Slot> slots_;
    std::vector<std::unique_ptr<GuardedBuffer>> buffers_;  // null for a slot that shares another's memory
    Bindings bindings_;
    std::string exception_;
};

}  // namespace vitrine::gradcheck
