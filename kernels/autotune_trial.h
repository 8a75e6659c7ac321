// One call of a kernel, tried with several implementations: into memory of its own, so that nothing else changes.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/autotune.h"
#include "kernels/call_outputs.h"
#include "kernels/device_fault.h"
#include "kernels/error.h"
#include "kernels/kernel.h"
#include "kernels/runtime.h"
#include "kernels/timing.h"

namespace vitrine {

/// Memory of a device, until the end of the scope.
class DeviceMemory {
  public:
    DeviceMemory(Device device, size_t bytes)
        : device_(device), memory_(runtime(device).allocate(bytes)), bytes_(bytes) {}
    ~DeviceMemory() {
        if (memory_ != nullptr) runtime(device_).release(memory_);
    }
    DeviceMemory(DeviceMemory&& other) noexcept
        : device_(other.device_), memory_(std::exchange(other.memory_, nullptr)), bytes_(other.bytes_) {}
    DeviceMemory& operator=(DeviceMemory&&) = delete;

    void* data() const { return memory_; }
    size_t bytes() const { return bytes_; }

  private:
    Device device_;
    void* memory_;
    size_t bytes_;
};

/// Puts something else into the caches. A training step comes back to a tensor when much else has been read and written,
/// and what is tried in a loop would find its operands there.
class CacheSweep {
  public:
    /// As large as the device's cache. Without room for that it does nothing.
    explicit CacheSweep(Device device) : device_(device) {
        constexpr size_t unit = 256;  // of what Timing::stream takes
        half_ = timing(device).cache_bytes() / unit * unit;
        if (half_ == 0) return;
        try {
            memory_.emplace(device, 2 * half_);
        } catch (const DeviceFault&) {
            throw;
        } catch (const Error&) {
            return;
        }
        runtime(device).zero(memory_->data(),
                             memory_->bytes());  // a host has no pages before they are written
    }

    void operator()() const {
        if (!memory_) return;
        char* from = static_cast<char*>(memory_->data());
        timing(device_).stream(from + half_, from, half_);
    }
    /// How many bytes of other things lie in the caches afterwards.
    size_t bytes() const { return memory_ ? memory_->bytes() : 0; }

  private:
    Device device_;
    size_t half_ = 0;  // bytes that are read, and as many that are written
    std::optional<DeviceMemory> memory_;
};

/// What the device does between start() and seconds().
class Watch {
  public:
    explicit Watch(Device device)
        : timing_(timing(device)), begin_(timing_.make_moment()), end_(timing_.make_moment()) {}
    ~Watch() {
        timing_.release_moment(begin_);
        timing_.release_moment(end_);
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    void start() { timing_.set_moment(begin_); }
    double seconds() {
        timing_.set_moment(end_);
        return timing_.seconds_between(begin_, end_);
    }

  private:
    const Timing& timing_;
    void* begin_;
    void* end_;
};

/// Root mean squares: of what was expected, and of its difference from what is there. The latter is infinite where one of
/// the two has a number that is not finite and the other has not the same.
struct Distance {
    double expected = 0;
    double apart = 0;
};
Distance distance_of(Device device, DType dtype, int64_t count, const void* expected, const void* actual);

template <class Args>
class Trial {
  public:
    /// `between` is done before each call, outside its time. Throws Error if there is no room for the outputs, twice.
    Trial(const char* kernel, const Args& args, Context& context, std::function<void()> between)
        : kernel_(kernel),
          args_(args),
          context_(context),
          between_(std::move(between)),
          watch_(context.device) {
        for_each_output(args_, [&](const CallOutput& output) {
            results_.emplace_back(context.device, output.bytes());
            expected_.emplace_back(context.device, output.bytes());
            before_.push_back(output.read_before ? output.data : nullptr);
            output.data = results_.back().data();
        });
    }

    /// Seconds of a call.
    double run(const Implementation<Args>& implementation) {
        between_();
        watch_.start();
        {
            const RunningKernelScope running(kernel_, implementation.name);
            implementation.run(args_, context_);
        }
        context_.scratch.reset();
        return watch_.seconds();
    }

    /// What the outputs hold before a call.
    void restore() {
        for (size_t i = 0; i < results_.size(); ++i) {
            if (before_[i] != nullptr)
                runtime(context_.device).copy(results_[i].data(), before_[i], results_[i].bytes());
        }
    }

    /// From now on the outputs must be what they are now.
    void expect_results() {
        for (size_t i = 0; i < results_.size(); ++i)
            runtime(context_.device).copy(expected_[i].data(), results_[i].data(), results_[i].bytes());
    }

    /// Whether the outputs are as expected, within what their types allow. What of a sum over many pixels is left when its
    /// terms cancel is rounding: there the size is that of a sum of so many terms of the largest output.
    bool as_expected() {
        bool equal = true;
        double largest = 0;
        size_t i = 0;
        for_each_output(args_, [&](const CallOutput& output) {
            const Distance distance = distance_of(context_.device, output.dtype, output.count,
                                                  expected_[i].data(), results_[i].data());
            if (i == 0) largest = distance.expected;
            const double of_terms = std::sqrt(static_cast<double>(output.terms)) * largest;
            const double size = std::max(distance.expected, of_terms);
            equal = equal && distance.apart <= allowed_difference(output.dtype) * size;
            ++i;
        });
        return equal;
    }

  private:
    const char* kernel_;
    Args args_;
    Context& context_;
    std::function<void()> between_;
    Watch watch_;
    std::vector<DeviceMemory> results_;
    std::vector<DeviceMemory> expected_;
    std::vector<const void*> before_;  // null: the call does not read it
};

}  // namespace vitrine
