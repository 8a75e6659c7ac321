// What each device adds to the checks: see device_checks.h.

#include "lab/gradcheck/harness/device_checks.h"

#include <fmt/format.h>

#include "lab/gradcheck/harness/fixed_threads.h"
#include "lab/gradcheck/harness/simt_checks.h"

namespace vitrine::gradcheck {
namespace {

/// Devices whose kernels use the host's threads: the number of them must not matter.
class HostChecks final : public DeviceChecks {
  public:
    std::string first_label() const override { return "1 thread"; }

    std::vector<Repetition> repetitions(double) const override {
        std::vector<Repetition> all;
        for (const int count : {2, 3}) {
            all.push_back({fmt::format("{} threads", count), [count](const Run& run) {
                               const FixedThreads fixed(count);
                               run();
                           }});
        }
        return all;
    }
};

/// A GPU runs its blocks in an order of its own, which is another one each time.
class GpuChecks final : public DeviceChecks {
  public:
    std::string first_label() const override { return "the first run"; }

    std::vector<Repetition> repetitions(double) const override {
        const auto again = [](const Run& run) { run(); };
        return {{"a second run", again}, {"a third run", again}};
    }
};

/// Another tool watches, compute-sanitizer say, and every launch costs it time.
class OnceChecks final : public DeviceChecks {
  public:
    std::string first_label() const override { return "the only run"; }
    bool reports_bounds() const override { return true; }
    std::vector<Repetition> repetitions(double) const override { return {}; }
    bool differences() const override { return false; }
};

}  // namespace

std::unique_ptr<DeviceChecks> device_checks(Device device, Effort effort) {
    if (effort == Effort::once) return std::make_unique<OnceChecks>();
    if (device == Device::simt) return std::make_unique<SimtChecks>(effort);
    if (device == Device::cuda) return std::make_unique<GpuChecks>();
    return std::make_unique<HostChecks>();
}

}  // namespace vitrine::gradcheck
