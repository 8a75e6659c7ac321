// The time of a device's own work, by moments in the order of that work: see kernels/timing.h.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/timing.h"

namespace vitrine::tools {

class DeviceClock {
  public:
    explicit DeviceClock(Device device) : timing_(timing(device)) {}
    ~DeviceClock();
    DeviceClock(const DeviceClock&) = delete;
    DeviceClock& operator=(const DeviceClock&) = delete;

    /// Marks the moment when the device has done all that it was asked for so far, and returns its number.
    size_t mark();
    /// Between two marks. Waits until both have come.
    double seconds(size_t from, size_t to) const {
        return timing_.seconds_between(moments_[from], moments_[to]);
    }
    /// Waits until the device has done all that it was asked for.
    void wait();
    /// Forgets all marks: the next one is number 0 again.
    void clear() { used_ = 0; }

    /// Where the device runs behind the host, gives it something to do for about so long. What it is asked
    /// for next then waits in line, and the times between marks hold nothing of the host's.
    void keep_busy(double seconds);

  private:
    /// Of Timing::multiply_adds, for a second.
    double amount_a_second();

    const Timing& timing_;
    std::vector<void*> moments_;
    size_t used_ = 0;
    double amount_a_second_ = 0.0;  // 0: not measured yet
};

}  // namespace vitrine::tools
