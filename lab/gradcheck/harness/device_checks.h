// What a device adds to the checks: how its launches can be watched, and under which other conditions a
// launch must leave the same bits. The rest of the harness knows nothing of any device.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/device.h"

namespace vitrine::gradcheck {

/// How much is checked where a check is slow. What is left out depends on the work of a launch alone, never
/// on time. `once`: every launch once and no differences, for a tool that watches the program.
enum class Effort { once, usual, thorough };

using Run = std::function<void()>;

/// Another way to run a launch that must leave the same bits as the first.
struct Repetition {
    std::string label;  // "2 threads"
    std::function<void(const Run& run)> around;
};

class DeviceChecks {
  public:
    virtual ~DeviceChecks() = default;

    /// How a launch runs at first, as a sentence names it: "1 thread".
    virtual std::string first_label() const = 0;

    /// Runs with everything watched that the device can watch; what it finds is thrown by `run` and so
    /// belongs to the launch. Returns the work that was done, in a unit of the device's own; 0 where it
    /// cannot tell.
    virtual double watched(const Run& run) const {
        run();
        return 0;
    }
    /// Runs for the results alone.
    virtual void unwatched(const Run& run) const { run(); }

    /// Whether a watched launch that leaves its memory is reported: the first launch then goes without guard
    /// zones, which would be memory like any other.
    virtual bool reports_bounds() const { return false; }

    /// Whether a further launch of this much work is watched.
    virtual bool watches(double /*work*/) const { return true; }
    /// Of a launch of this much work.
    virtual std::vector<Repetition> repetitions(double work) const = 0;
    /// Whether backward passes are differenced at all.
    virtual bool differences() const { return true; }
    /// How many of the wanted elements are differenced with a forward pass of this much work.
    virtual int64_t samples(int64_t wanted, double /*work*/) const { return wanted; }
};

std::unique_ptr<DeviceChecks> device_checks(Device device, Effort effort);

}  // namespace vitrine::gradcheck
