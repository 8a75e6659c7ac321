// The simt device's part of the checks: every access watched, and blocks, warps and threads in shuffled
// orders.
#pragma once

#include "lab/gradcheck/harness/device_checks.h"

namespace vitrine::gradcheck {

/// Work is counted in accesses: 4 bytes of any memory, a thread's share of a barrier or of a warp operation.
///
/// The first launch of every implementation on every problem is watched, whatever it costs, and every launch
/// of at most `watched_work` is. Each launch is repeated with five seeds; one of more than `repeated_work`
/// with two.
class SimtChecks final : public DeviceChecks {
  public:
    static constexpr int seeds = 5;
    static constexpr double watched_work = 1e6;
    static constexpr double repeated_work = 2e7;
    static constexpr double differenced_work = 2e7;  // of all differences of one parameter

    explicit SimtChecks(Effort effort) : effort_(effort) {}

    std::string first_label() const override { return "1 thread in ascending order"; }
    double watched(const Run& run) const override;
    void unwatched(const Run& run) const override;
    bool reports_bounds() const override { return true; }
    bool watches(double work) const override;
    std::vector<Repetition> repetitions(double work) const override;
    int64_t samples(int64_t wanted, double work) const override;

  private:
    Effort effort_;
};

}  // namespace vitrine::gradcheck
