// The time of a device's own work: see device_clock.h.

#include "lab/common/device_clock.h"

namespace vitrine::tools {

DeviceClock::~DeviceClock() {
    for (void* moment : moments_) timing_.release_moment(moment);
}

size_t DeviceClock::mark() {
    if (used_ == moments_.size()) moments_.push_back(timing_.make_moment());
    timing_.set_moment(moments_[used_]);
    return used_++;
}

void DeviceClock::wait() {
    const size_t now = mark();
    seconds(now, now);
    --used_;
}

void DeviceClock::keep_busy(double seconds) {
    if (!timing_.runs_behind) return;
    const double amount = seconds * amount_a_second();
    if (amount >= 1.0) timing_.multiply_adds(static_cast<int64_t>(amount));
}

double DeviceClock::amount_a_second() {
    constexpr double long_enough = 1e-3;
    for (int64_t amount = 1; amount_a_second_ == 0.0; amount *= 2) {
        const size_t start = mark();
        timing_.multiply_adds(amount);
        const double passed = seconds(start, mark());
        used_ -= 2;
        if (passed >= long_enough) amount_a_second_ = static_cast<double>(amount) / passed;
    }
    return amount_a_second_;
}

}  // namespace vitrine::tools
