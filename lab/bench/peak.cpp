// A device's peaks: see peak.h.

#include "lab/bench/peak.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "engine/memory.h"
#include "kernels/runtime.h"
#include "lab/common/device_clock.h"

namespace vitrine::tools {
namespace {

constexpr int repeats = 5;            // the best counts: other programs take their share of the others
constexpr double long_enough = 0.02;  // seconds, to which launching and the clock's ticks add nothing
constexpr double long_enough_to_copy = 4e-3;
constexpr size_t mebibyte = size_t{1} << 20;

double best_seconds(DeviceClock& clock, const std::function<void()>& work) {
    double best = std::numeric_limits<double>::infinity();
    for (int i = 0; i < repeats; ++i) {
        clock.clear();
        const size_t start = clock.mark();
        work();
        best = std::min(best, clock.seconds(start, clock.mark()));
    }
    return best;
}

/// The amount grows until it takes long enough and more of it is no quicker: where a machine is busy, a
/// little work takes long too.
double measure_flops(const Timing& timing, DeviceClock& clock) {
    double best = 0.0;
    for (int64_t amount = 1;; amount *= 2) {
        double operations = 0.0;
        const double seconds = best_seconds(clock, [&] { operations = timing.multiply_adds(amount); });
        const double rate = operations / seconds;
        if (seconds >= long_enough && rate < 1.1 * best) return std::max(rate, best);
        best = std::max(best, rate);
    }
}

/// What a copy goes from and to.
class CopyBuffers {
  public:
    CopyBuffers(const Runtime& runtime, size_t bytes)
        : runtime_(runtime), from_(runtime.allocate(bytes)), to_(nullptr) {
        try {
            to_ = runtime.allocate(bytes);
        } catch (...) {
            runtime.release(from_);
            throw;
        }
        // Memory that was never written may be no memory yet.
        runtime.zero(from_, bytes);
        runtime.zero(to_, bytes);
    }
    ~CopyBuffers() {
        runtime_.release(from_);
        runtime_.release(to_);
    }
    CopyBuffers(const CopyBuffers&) = delete;
    CopyBuffers& operator=(const CopyBuffers&) = delete;

    const void* from() const { return from_; }
    void* to() const { return to_; }

  private:
    const Runtime& runtime_;
    void *from_, *to_;
};

/// Caches hide a small copy: it grows until it takes long enough, which they are too small for, or until a
/// quarter of the free memory is in use. A host's caches are large beside its bandwidth: 256 MiB at least.
double measure_bandwidth(const Timing& timing, DeviceClock& clock, const Runtime& runtime) {
    size_t bytes = runtime.reads_host_memory ? 256 * mebibyte : mebibyte;
    const size_t most = runtime.free_bytes() / 8;
    while (true) {
        const CopyBuffers buffers(runtime, bytes);
        const double seconds =
            best_seconds(clock, [&] { timing.stream(buffers.to(), buffers.from(), bytes); });
        if (seconds >= long_enough_to_copy || 2 * bytes > most)
            return 2.0 * static_cast<double>(bytes) / seconds;
        bytes *= 2;
    }
}

}  // namespace

Peak measure_peak(Device device) {
    release_pooled_memory(device);  // what is measured with takes the place of what was measured
    DeviceClock clock(device);
    const Timing& functions = timing(device);
    return {measure_flops(functions, clock), measure_bandwidth(functions, clock, runtime(device))};
}

}  // namespace vitrine::tools
