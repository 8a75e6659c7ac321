// Whether the device still works: the errors that its calls return.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "kernels/simt/planted_fault.h"

namespace vitrine::simt {

/// Any thread may call.
class DeviceStatus {
  public:
    static DeviceStatus& instance();

    /// What a call returns before it does anything.
    cudaError_t at_call();
    /// The same for one that waits for everything that was launched so far.
    cudaError_t at_wait();

    /// An error that was returned before and stays.
    cudaError_t noticed() const;

    /// Whether a kernel has gone wrong, noticed or not: nothing happens on the device any more.
    bool failed() const;

    /// A kernel has been launched.
    void launched(const void* kernel);

    void plant(std::optional<PlantedFault> fault);

  private:
    DeviceStatus();
    cudaError_t notice();

    mutable std::mutex mutex_;
    std::optional<PlantedFault> fault_;
    uint64_t launches_ = 0;  // that count
    uint64_t calls_ = 0;     // since it went wrong
    bool failed_ = false;
    bool noticed_ = false;
};

/// The error of the calling thread's last call that failed for itself alone, as cudaGetLastError has it.
extern constinit thread_local cudaError_t last_error;

}  // namespace vitrine::simt
